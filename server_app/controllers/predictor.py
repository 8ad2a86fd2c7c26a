"""Model-guided search: a surrogate foresees scores, and what it hopes most of is tried next.

C. White, W. Neiswanger and Y. Savani, "BANANAS: Bayesian Optimization with Neural Architectures for Neural Architecture
Search", AAAI 2021: random architectures first, then again and again a model of all scores so far, and of a pool of
mutations of the best ones that with the most of an acquisition function.

Where we depart: the model is a Gaussian process and no ensemble of networks, which a few dozen noisy scores do not
feed (`server_app.surrogates.gp`; the paper has thousands of epochs for each), on the encoding of the space, recipes
included, and on what a network costs. The pool has fresh draws beside mutations, so that a user's priors go on to
count, and mutations of what looks best in it: two small steps of a search in the model. Trials under way are believed
to score what is foreseen, so that several proposals at once differ. It learns from every rung. With several
objectives each proposal goes by weights of its own (ParEGO, `server_app.surrogates.targets`).

Scores are noisy, and a search ends with the best of them. Improvement is over the most that a trial is believed to be
worth, so that a lucky score is not chased. (An acquisition that asks for the mean gain of who takes the best score,
luck included, was tried on synthetic tables, and was no better.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from common.errors import ConfigError
from server_app.controllers.base import Suggestion
from server_app.controllers.guided import PARENTS, Beliefs, Guided, Pool
from server_app.surrogates.acquisition import expected_improvement, per_cost, upper_bound

if TYPE_CHECKING:
    from server_app.surrogates.gp import Array
    from server_app.trials import Identity

ACQUISITIONS = ("ei", "ucb", "thompson")
_STEPS = 2
"""Rounds of mutations in the model: one finds neighbours of what looks best, the second theirs."""
_KAPPA = 1.0
"""By the eye: one deviation. Nothing was tuned."""
_DRAWN = 200
"""Of a pool at most so many are in a world that is drawn, which takes the cube of that."""


class Predictor(Guided):
    """Tries what a Gaussian process hopes most of, among mutations of the best and fresh draws."""

    @dataclass(frozen=True)
    class Options:
        """How the next trial is chosen.

        Parameters
        ----------
        initial : int
            First proposals that are drawn from the space, those that are given included. On four tables of
            tests/benchmarks/synthetic_tables.py 5 had a smaller regret than 10 after 25 trials, and as small a one
            after 50.
        acquisition : {"ei", "ucb", "thompson"}
            What is hoped of a spec: expected improvement, mean plus a deviation, or its score in a world that is drawn.
        pool : int
            Fresh draws among which to choose, and as many mutations of the best trials; then mutations of these.
        costs : bool
            Whether the model sees parameters and MACs.
        per_cost : bool
            Whether expected improvement is for each unit of what a round takes (`TrialSpace.effort`), so that of two
            specs of which as much is hoped the smaller is tried. In a table, where nothing is trained, all take the
            same; of several objectives costs are one where they matter.
        """

        initial: int = 5
        acquisition: str = "ei"
        pool: int = 50
        costs: bool = True
        per_cost: bool = True

        def __post_init__(self) -> None:
            for name, least in (("initial", 2), ("pool", 1)):
                if getattr(self, name) < least:
                    raise ConfigError(
                        f"controller.{name} must be {least} or more",
                        getattr(self, name),
                        fix=f"Leave controller.{name} out",
                    )
            if self.acquisition not in ACQUISITIONS:
                raise ConfigError(
                    f"controller.acquisition must be one of {', '.join(ACQUISITIONS)}",
                    self.acquisition,
                    fix="Set controller.acquisition=ei",
                )

    def suggest(self, rng: np.random.Generator) -> Suggestion:
        """Return what is hoped most of, or something random while little is known."""
        beliefs = None if self.begun < self.options.initial else self.beliefs(rng)
        if beliefs is not None and (pool := self._pool(beliefs, rng)):
            return pool.first(self._hope(beliefs, pool.identities, rng), 1)[0]
        return Suggestion(self.space.sample(rng), "sample")

    def _pool(self, beliefs: Beliefs, rng: np.random.Generator) -> Pool:
        """Return draws, mutations of the best trials, and then mutations of what looks best among these."""
        pool = self.pool()
        pool.mutate(self.from_best(), self.options.pool, rng)
        pool.draw(self.options.pool, rng)
        for _ in range(_STEPS):
            if pool:
                hope = upper_bound(*beliefs.predict(pool.identities), _KAPPA)
                pool.mutate(pool.first(hope, PARENTS), self.options.pool, rng)
        return pool

    def _hope(self, beliefs: Beliefs, identities: list[Identity], rng: np.random.Generator) -> Array:
        mean, deviation = beliefs.predict(identities)
        if self.options.acquisition == "ei":
            hope = expected_improvement(mean, deviation, beliefs.best)
            return per_cost(hope, self._efforts(identities)) if self.options.per_cost and beliefs.one else hope
        bound = upper_bound(mean, deviation, _KAPPA)
        if self.options.acquisition == "ucb":
            return bound
        found = np.full(len(identities), -np.inf)
        places = np.argsort(-bound, kind="stable")[:_DRAWN]
        found[places] = beliefs.sample([identities[place] for place in places], rng)
        return found

    def _efforts(self, identities: list[Identity]) -> Array:
        return np.array([self.space.effort(identity) for identity in identities])
