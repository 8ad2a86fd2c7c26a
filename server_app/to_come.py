"""Which work is to come of a search, and what it costs: its steps, its promotions, and what follows it.

Whether that can be paid is `server_app.allowance`'s to say.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from common.groups import NOT_PERSONAL, PORTFOLIO
from common.settings import PersonalSettings
from server_app.final_rounds import checkpoints
from server_app.forecast import (
    Bill,
    Load,
    Workers,
    dearest,
    final_cost,
    may_be_best,
    personal_cost,
    score_cost,
    training_cost,
)
from server_app.front import num_of_front
from server_app.trials import Trial

if TYPE_CHECKING:
    from common.groups import FinalConfig, PersonalConfig
    from common.jobs import Split
    from server_app.placement.base import Placement
    from server_app.stages.search import Search
    from server_app.trials import Identity


@dataclass(frozen=True, kw_only=True)
class ToCome:
    """Tells what work is to come, and what it costs.

    Parameters
    ----------
    final : FinalConfig
        What follows the search, with its rounds.
    load : callable
        What of an identity its cost depends on.
    linear, constant : Load
        Of what the winner is compared with.
    baseline : Load, optional
        Of the baseline, if that is not the best that the search has tried of the portfolio; None where there is none.
    placement, final_placement : Placement
        Of the search, and of what follows it.
    names : callable
        Returns the names of all nodes.
    held : callable
        From a node's name and a split: how many such examples it has.
    folds : int
        How often each trial of the search trains.
    personal : PersonalConfig
        What nodes make of the winner for themselves.
    """

    final: FinalConfig
    load: Callable[[Identity], Load]
    linear: Load
    constant: Load
    baseline: Load | None
    placement: Placement
    final_placement: Placement
    names: Callable[[], Collection[str]]
    held: Callable[[str, Split], int]
    folds: int = 1
    personal: PersonalConfig = NOT_PERSONAL

    def workers(self, search: Search) -> Workers:
        """Return who trains in a search, and who of its panel scores."""
        return self._workers(search, self.placement, search.held_out)

    def step(self, trial: Trial, start: int, rounds: int, workers: Workers) -> Bill:
        """Return the cost of a trial's training from `start` rounds to `rounds`, and of the score there."""
        load = self.load(trial.identity)
        return training_cost(load, workers, rounds - start) * self.folds + score_cost(load, workers)

    def steps(self, search: Search, trial: Trial, rounds: int) -> Bill:
        """Return the cost of all that is under way in a search, and of a trial's step up to so many rounds.

        Of a new trial that is with the promotions to come, and with another pool, of as dear candidates, where trials
        are picked from one.
        """
        workers = self.workers(search)
        steps = [*search.under_way, (trial, rounds)]
        cost = sum((self.step(one, one.rounds, until, workers) for one, until in steps), Bill())
        if trial.number == len(search.trials):
            cost += self._climbs(search, trial, workers)
            cost += Bill(self.load(trial.identity).macs * search.passes_of_pool)
        return cost

    def final_training(self, search: Search, trial: Trial) -> Callable[[int], Bill]:
        """Return what tells what the final training costs, by its rounds, where a trial goes a step further."""
        new = trial.number == len(search.trials)
        ranking = [trial, *search.ranking] if new else search.ranking
        final, winners, best = self.final, 1, may_be_best(ranking, self.final.finalists)
        known = [one for one in ranking if one.origin == PORTFOLIO] if final.baseline == PORTFOLIO else []
        baselines = [self.load(one.identity) for one in may_be_best(known, 1)]
        if not known and self.baseline is not None:
            baselines = [self.baseline]
        if search.objectives.several:
            best = may_be_best(ranking, max(1, len(search.front)))
            final, winners = replace(final, finalists=1), num_of_front(final, len(best))
        elif known and final.finalists > 1:  # the baseline is one of them
            best, baselines, winners = [*best, *may_be_best(known, 1)], [], 2
        judges, tests = (tuple(self.held(name, split) for name in self.names()) for split in ("validation", "test"))
        others = self._workers(search, self.final_placement, ())
        cost = partial(
            final_cost,
            finalists=[self.load(identity) for identity in dict.fromkeys(one.identity for one in best)],
            baselines=baselines,
            linear=self.linear,
            constant=self.constant,
            selection=self._workers(search, self.final_placement, search.held_out),
            others=replace(others, score=judges, test=tests if any(tests) else ()),  # else the test is on the server
            held_out=bool(search.held_out),
            winners=winners,
        )
        return lambda rounds: cost(replace(final, rounds=rounds), personal=partial(self._personal, rounds))

    def _climbs(self, search: Search, new: Trial, workers: Workers) -> Bill:
        """Return the cost of the promotions to come, each place taken by the dearest that may take it."""
        trials, total = [*search.trials, new], Bill()
        for climb in search.fidelity.climbs(new.number):
            steps = [self.step(trials[number], climb.start, climb.rounds, workers) for number in climb.trials]
            total += dearest(steps, climb.places)
        return total

    def _personal(self, rounds: int, load: Load) -> Bill:
        """Return what it costs that all nodes make models of their own of a winner that trained for so many rounds."""
        if (method := self.personal.method) is None:
            return Bill()
        scored = checkpoints(rounds, self.final.checkpoints)
        settings = PersonalSettings(method, self.personal.epochs, checkpoints=scored)
        held = [
            (self.held(name, "train"), self.held(name, "validation"), self.held(name, "test")) for name in self.names()
        ]
        return personal_cost(load, settings, held, rounds)

    def _workers(self, search: Search, placement: Placement, held_out: Collection[str]) -> Workers:
        """Return who trains, all but some, and who of the panel scores."""
        train = [self.held(name, "train") for name in self.names() if name not in held_out]
        most = placement.most(len(train))
        score = tuple(self.held(name, search.split) for name in search.panel)
        return Workers(tuple(sorted(train, reverse=True)[:most]), score)
