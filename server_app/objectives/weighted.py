"""Several objectives in one number: what each is worth is said beforehand.

    value = sum of weight x metric - sum of weight x log2(cost)

Metrics count in their own unit. Costs differ by orders of magnitude, and their units are nobody's, so they count by
their binary logarithm: the weight of a cost is what a halving of it is worth. That is the logarithm of the weighted
product of M. Tan et al., "MnasNet: Platform-Aware Neural Architecture Search for Mobile", CVPR 2019, equation 2, but
that a metric is added as it is, for it may be 0 or below, and the target is left out, which shifts all trials alike.
There twice the latency may cost 5 % of the accuracy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from common.architecture.cost import Cost
from common.errors import ConfigError
from server_app.objectives.base import Objective
from server_app.objectives.costs import COSTS
from server_app.objectives.terms import Listed

NAME = "weighted"
_OF_METRIC, _OF_COST = 1.0, 0.01


@dataclass(frozen=True)
class Sum(Objective):
    """Objectives with what each is worth."""

    parts: tuple[tuple[Objective, float], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Of all parts."""
        return tuple(name for part, _ in self.parts for name in part.names)

    def value(self, metrics: Mapping[str, float], cost: Cost) -> float:
        """Return the sum; errors as of each part.

        Examples
        --------
        Half the MACs at a weight of 0.02 make up for 0.02 of accuracy:

        >>> both = Sum("weighted", "max", ((Objective("accuracy", "max"), 1.0), (Objective("macs", "min"), 0.02)))
        >>> large = both.value({"accuracy": 0.92}, Cost(0, 0, 2048, 0))
        >>> small = both.value({"accuracy": 0.90}, Cost(0, 0, 1024, 0))
        >>> round(large, 6), round(small, 6)
        (0.7, 0.7)
        """
        return math.fsum(weight * part.scaled(part.value(metrics, cost)) for part, weight in self.parts)


class Weighted(Listed):
    """One number of all terms ranks; each is told beside it."""

    @dataclass(frozen=True)
    class Options(Listed.Options):
        """Which terms there are, and what they are worth.

        Parameters
        ----------
        weights : dict of str to float, optional
            By name of a term: of a metric what one of it is worth, 1 where it is not named; of a cost what a halving
            is, 0.01 where it is not named.
        constraints, latency, terms
            As of all lists of terms.
        """

        weights: dict[str, float] | None = None

        def __post_init__(self) -> None:
            super().__post_init__()
            for name, weight in (self.weights or {}).items():
                if not 0 < weight < math.inf:
                    raise ConfigError(
                        f"objective.weights.{name} must be above 0; objective.terms says which way is better",
                        weight,
                        fix="Leave out the term that is worth nothing",
                    )

    def terms(self) -> tuple[Objective, ...]:
        """Return the sum, and then the terms."""
        weights = {self.resolved(name): weight for name, weight in (self.options.weights or {}).items()}
        given = self.given()
        if strange := sorted(weights.keys() - {term.name for term in given}):
            raise ConfigError("objective.weights are of terms", strange[0], fix="Add it to objective.terms")
        parts = [(term, weights.get(term.name, _OF_COST if term.name in COSTS else _OF_METRIC)) for term in given]
        return (Sum(NAME, "max", tuple(parts)), *given)
