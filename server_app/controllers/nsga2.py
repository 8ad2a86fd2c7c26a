"""NSGA-II: a genetic algorithm that keeps a whole front.

K. Deb, A. Pratap, S. Agarwal and T. Meyarivan, "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II", IEEE
Transactions on Evolutionary Computation 6, 2002. The population are the best P of all that was observed: front after
front, and of the last front that has room those that lie far apart. Who breaks a constraint is worse than who breaks
none. Parents win binary tournaments by the same order; children are crossed over and mutated.

Where we depart: a child joins the population as soon as it was observed, in place of a generation of P of them. That is
the steady state of J. J. Durillo, A. J. Nebro, F. Luna and E. Alba, "On the Effect of the Steady-State Selection Scheme
in Multi-Objective Genetic Algorithms", EMO 2009, whose fronts were no worse, and a search with several trials in flight
never waits. Trials that were stopped early rank behind those that came further. Equals in a tournament are decided by
the head's other metric and the earlier trial, not by a coin. With one objective it is a plain elitist genetic
algorithm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from common.errors import ConfigError
from server_app.controllers.base import Controller, Observation, Suggestion
from server_app.controllers.observations import best_first, trials_among

if TYPE_CHECKING:
    import numpy as np


class Nsga2(Controller):
    """Crosses over the winners of two tournaments among the best so far, and mutates the child."""

    @dataclass(frozen=True)
    class Options:
        """Size of the population, and how children come about.

        Parameters
        ----------
        population_size : int
            P of the paper: as many first proposals are random, as many of the best are parents.
        crossover_probability : float
            Probability that a child has two parents instead of one that mutates; 0.9 in the paper.
        mutation_probability : float
            Probability that a child of two parents is mutated in one thing. The paper mutates each of n variables with
            probability 1 / n, which leaves a child as it is with probability (1 - 1 / n)^n, about 0.4.
        """

        population_size: int = 12
        crossover_probability: float = 0.9
        mutation_probability: float = 0.6

        def __post_init__(self) -> None:
            if self.population_size < 2:
                raise ConfigError(
                    "controller.population_size must be 2 or more",
                    self.population_size,
                    fix="Set controller.population_size=12",
                )
            for name in ("crossover_probability", "mutation_probability"):
                if not 0 <= getattr(self, name) <= 1:
                    raise ConfigError(
                        f"controller.{name} must lie in [0, 1]", getattr(self, name), fix=f"Leave controller.{name} out"
                    )

    _sorted: tuple[int, list[Observation]] = (0, [])
    """How many were known when it was made, and the population then: an idea may take many attempts."""

    def suggest(self, rng: np.random.Generator) -> Suggestion:
        """Return a child of the population, or something random while there is none."""
        population = self._population()
        if self.begun < self.options.population_size or len(population) < 2:
            return Suggestion(self.space.sample(rng), "sample")
        parent = _tournament(population, rng)
        child = parent.identity
        if rng.random() < self.options.crossover_probability:
            other = _tournament([seen for seen in population if seen is not parent], rng)
            child = self.space.crossover(child, other.identity, rng)
            if child != parent.identity and rng.random() >= self.options.mutation_probability:
                return Suggestion(child, "crossover", parent.number)
        return Suggestion(self.space.mutate(child, rng), "mutation", parent.number)

    def parents(self) -> list[int]:
        """Return the members of the population."""
        return trials_among(self._population())

    def load_extra_state(self, state: dict[str, Any]) -> None:  # noqa: ARG002 - there is none
        """Forget the population of another history."""
        self._sorted = (0, [])

    def _population(self) -> list[Observation]:
        """Return the best of all that is known, best first."""
        known, population = self._sorted
        if known != len(self.prior) + len(self.history):
            best = best_first([seen for seen in self.known() if seen.score is not None])
            population = best[: self.options.population_size]
            self._sorted = len(self.prior) + len(self.history), population
        return population


def _tournament(population: list[Observation], rng: np.random.Generator) -> Observation:
    """Return the better one of two that are drawn, or the only one."""
    places = rng.choice(len(population), size=min(2, len(population)), replace=False)
    return population[int(min(places))]
