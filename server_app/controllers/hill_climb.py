"""Hill climbing with random restarts, as in the tutorial that this project grew from.

Tutorial 122, "Federated Neural Architecture Search", ``NASServer.search``: with probability 0.7 mutate
the best architecture so far, else draw a new one. As a method: T. Elsken, J. H. Metzen and F. Hutter,
"Simple and Efficient Architecture Search for Convolutional Neural Networks", 2017.

Where we depart: nothing is tried twice (an idea that was tried is drawn again, the choice between
mutation and sample included, so a search whose best has few untried neighbours explores more), and with
several trials in flight the best is the best of those that were observed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.errors import ConfigError
from server_app.controllers.base import Controller, Observation, Suggestion
from server_app.controllers.observations import best_of, trials_among

if TYPE_CHECKING:
    import numpy as np


class HillClimb(Controller):
    """Mutates the best trial so far, or draws a new one."""

    @dataclass(frozen=True)
    class Options:
        """How greedy the search is.

        Parameters
        ----------
        mutation_probability : float
            Probability of a mutation of the best; 0 is random search.
        """

        mutation_probability: float = 0.7

        def __post_init__(self) -> None:
            if not 0 <= self.mutation_probability <= 1:
                raise ConfigError(
                    "controller.mutation_probability must lie in [0, 1]",
                    self.mutation_probability,
                    fix="Set controller.mutation_probability=0.7",
                )

    def suggest(self, rng: np.random.Generator) -> Suggestion:
        """Return a mutation of the best that was observed, or something random."""
        scored = self._scored()
        if not scored or rng.random() >= self.options.mutation_probability:
            return Suggestion(self.space.sample(rng), "sample")
        best = best_of(scored)
        return Suggestion(self.space.mutate(best.identity, rng), "mutation", best.number)

    def parents(self) -> list[int]:
        """Return the best."""
        scored = self._scored()
        return trials_among([best_of(scored)]) if scored else []

    def _scored(self) -> list[Observation]:
        return [seen for seen in self.known() if seen.score is not None]
