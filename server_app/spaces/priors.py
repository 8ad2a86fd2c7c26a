"""What an expert expects of a choice, and how surely.

A prior on the optimum as in C. Hvarfner et al., "piBO: Augmenting Acquisition Functions with User Beliefs for Bayesian
Optimization", ICLR 2022, and N. Mallik et al., "PriorBand: Practical Hyperparameter Optimization in the Age of Deep
Learning", NeurIPS 2023: every value keeps a share, so a wrong belief costs time and never the optimum. Where we depart:
a belief is one value with a confidence, and it does not fade with the trials. Whatever is drawn afresh follows it; what
is changed in something that was tried does not, as there the scores speak, and not the expert.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from server_app.spaces.domains import Choices

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Expected(Choices):
    """A finite domain of which one value is drawn more often than the others.

    With n values the expected one has the probability ``confidence + (1 - confidence) / n``, and each other one
    ``(1 - confidence) / n``. A mutation draws each other value alike, as of any finite domain.

    Parameters
    ----------
    values : tuple
        What there is.
    expected : object
        One of them.
    confidence : float
        In (0, 1): the part of the draws in which the expert is simply believed.
    """

    expected: Any = None
    confidence: float = 0.0

    def draw(self, rng: np.random.Generator) -> Any:
        """Return the expected value with probability `confidence`, or else one of all values, each as likely."""
        return self.expected if rng.random() < self.confidence else super().draw(rng)

    def probabilities(self) -> tuple[float, ...]:
        """Return how likely it is that each value is drawn."""
        by_chance = (1 - self.confidence) / len(self.values)
        return tuple(self.confidence * (value == self.expected) + by_chance for value in self.values)

    def __str__(self) -> str:
        words = (
            f"{value} (expected, {self.confidence:g})" if value == self.expected else f"{value}"
            for value in self.values
        )
        return ", ".join(words)


def restricted(domain: Choices, values: tuple[Any, ...]) -> Choices:
    """Return what is left of a domain where only these values are offered, its prior as far as that is one of them."""
    if isinstance(domain, Expected) and domain.expected in values:
        return Expected(values, domain.expected, domain.confidence)
    return Choices(values)
