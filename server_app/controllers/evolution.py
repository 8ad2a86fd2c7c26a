"""Regularized evolution.

E. Real, A. Aggarwal, Y. Huang and Q. V. Le, "Regularized Evolution for Image Classifier Architecture
Search", AAAI 2019, algorithm 1: a population of the youngest P, whose oldest member dies whenever a
child is born, however good it is; the best of S random members is the parent of the next child.

Where we depart: the age of a trial is the time of its observation, failed trials never live, and the
tournament compares by rung first (trials that were stopped early have low-rung scores). With several
trials in flight, whoever was observed is the population; the search never waits. What other searches
observed is the first population, of which the best is the youngest. Crossover is an option that the paper
does not have. With several objectives the best of a tournament is the knee of its front.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.errors import ConfigError
from server_app.controllers.base import Controller, Observation, Suggestion
from server_app.controllers.observations import best_of, trials_among

if TYPE_CHECKING:
    import numpy as np


class Evolution(Controller):
    """Mutates the winner of a tournament among the trials observed last."""

    @dataclass(frozen=True)
    class Options:
        """Sizes of the population and the tournament.

        Parameters
        ----------
        population_size : int
            P of the paper: as many first proposals are random, as many observations live.
        sample_size : int
            S of the paper: members in a tournament, drawn with replacement.
        crossover_probability : float
            Probability that a child has two parents instead of one that mutates.
        """

        population_size: int = 10
        sample_size: int = 5
        crossover_probability: float = 0.0

        def __post_init__(self) -> None:
            if self.population_size < 2:
                raise ConfigError(
                    "controller.population_size must be 2 or more",
                    self.population_size,
                    fix="Set controller.population_size=10",
                )
            if not 1 <= self.sample_size <= self.population_size:
                raise ConfigError(
                    f"controller.sample_size must lie in [1, {self.population_size}], the size of the population",
                    self.sample_size,
                    fix="Set controller.sample_size to about a quarter of the population",
                )
            if not 0 <= self.crossover_probability <= 1:
                raise ConfigError(
                    "controller.crossover_probability must lie in [0, 1]",
                    self.crossover_probability,
                    fix="Set controller.crossover_probability=0",
                )

    def suggest(self, rng: np.random.Generator) -> Suggestion:
        """Return a child of the population, or something random while there is none."""
        living = self._living()
        if self.begun < self.options.population_size or not living:
            return Suggestion(self.space.sample(rng), "sample")
        parent = self._tournament(living, rng)
        if len(living) > 1 and rng.random() < self.options.crossover_probability:
            other = self._tournament([seen for seen in living if seen is not parent], rng)
            return Suggestion(self.space.crossover(parent.identity, other.identity, rng), "crossover", parent.number)
        return Suggestion(self.space.mutate(parent.identity, rng), "mutation", parent.number)

    def parents(self) -> list[int]:
        """Return the members of the population."""
        return trials_among(self._living())

    def _living(self) -> list[Observation]:
        return [seen for seen in self.known() if seen.score is not None][-self.options.population_size :]

    def _tournament(self, living: list[Observation], rng: np.random.Generator) -> Observation:
        return best_of([living[rng.integers(len(living))] for _ in range(self.options.sample_size)])
