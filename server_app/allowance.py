"""Whether a search can pay for a further step, and then still for all that must follow it.

A step is a trial's training up to a rung with the score there. It fits where no limit of ``search.budget`` is exceeded
by what the run has cost, what the trials under way cost until their rungs, the step, and the final training of the
dearest that may come out of the search then. A new trial must leave enough for the promotions to come, too: else the
budget would go into beginnings, and what is left into the cheapest of them. Where trials are picked by scores without
training, it leaves enough for another pool.

Where nobody says how long the final training is, half of each limit is reserved for it, or as much as its least rounds
cost, and no more than it needs. It then has as many rounds as what is left pays for, up to those that it would have
without a budget. So a small budget makes both shorter, the search and what follows it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from server_app.budget import Shortage, Spent, shortage_of
from server_app.forecast import Bill, Load, priced, training_cost
from server_app.trials import Trial

if TYPE_CHECKING:
    from common.groups import BudgetConfig
    from server_app.stages.bilevel import Bilevel
    from server_app.stages.rounds import Rounds
    from server_app.stages.search import Search
    from server_app.stages.warm_up import WarmUp
    from server_app.to_come import ToCome

    Price = Callable[[Bill], Spent]
    """From work to come to what it costs in each currency."""

_FOR_FINAL = 0.5
"""Of a budget, what is reserved for a final training of which nobody said how long it is."""


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """What a search may still spend.

    Parameters
    ----------
    limits : BudgetConfig
        Of the run.
    to_come : ToCome
        What tells which work is to come; its final training has as many rounds as it may have.
    least_rounds : int
        Of these, what is reserved in any case.
    elapsed : callable
        Returns the seconds of the run's stages so far, by name; those of the search under ``search``.
    before : callable
        Returns what the stages before the search have cost.
    """

    limits: BudgetConfig
    to_come: ToCome
    least_rounds: int
    elapsed: Callable[[], Mapping[str, float]] = dict
    before: Callable[[], Spent] = Spent

    def shortage(self, search: Search, trial: Trial, rounds: int) -> Shortage | None:
        """Return which limit a step would exceed; None where it can be paid.

        Parameters
        ----------
        search : Search
            With all that it has tried and that is under way.
        trial : Trial
            One of it, or a new one.
        rounds : int
            That it would have trained in all at its next rung.
        """
        if not self.limits.limits:
            return None
        total, price = self._prices(search)
        steps = self.to_come.steps(search, trial, rounds)
        return shortage_of(self.limits, total, price(steps + self._reserved(search, trial, price)))

    def final_rounds(self, search: Search) -> int:
        """Return for how many rounds what a search has found trains: as many as what it left pays for.

        Parameters
        ----------
        search : Search
            That is done, and found something.
        """
        total, price = self._prices(search)
        cost = self.to_come.final_training(search, search.found())
        return self._most_rounds(lambda rounds: shortage_of(self.limits, total, price(cost(rounds))) is None)

    def shortage_of_round(
        self, warm_up: WarmUp, search: Search, paths: Sequence[Trial], part: float
    ) -> Shortage | None:
        """Return which limit a round of a warm-up would exceed; None where it can be paid, and a search after it.

        Parameters
        ----------
        warm_up : WarmUp
            With all that it has trained.
        search : Search
            That follows; a trial of it must be payable, as dear as the dearest path, with the final training.
        paths : sequence of Trial
            Of the round.
        part : float
            Of each limit, what the warm-up may spend.
        """
        if not self.limits.limits:
            return None
        workers = self.to_come.workers(search)
        one_round = sum((training_cost(self.to_come.load(path.identity), workers, 1) for path in paths), Bill())
        dearest, phases = self._dearest(paths), len(warm_up.trials)
        return self._shortage_before(warm_up, phases, search, one_round, [dearest], search.fidelity.first, part)

    def shortage_of_bilevel(
        self, stage: Bilevel, search: Search, load: Load, passes: Callable[[int], int], rounds: int, part: float
    ) -> Shortage | None:
        """Return which limit rounds of a bilevel search would exceed; None where they can be paid, and what follows.

        That is each network that it would come to now, all the way with each of its recipes, and the final training.

        Parameters
        ----------
        stage : Bilevel
            With all that it has trained.
        search : Search
            That follows.
        load : Load
            Of its network, with both arrays.
        passes : callable
            From the training examples of a node to how many go forward through the network in an epoch.
        rounds : int
            That are to come.
        part : float
            Of each limit, what the stage may spend.
        """
        if not self.limits.limits:
            return None
        workers = self.to_come.workers(search)
        recipe = search.controller.space.recipes.default
        found = [Trial(0, spec, recipe) for spec in stage.would_find()] * stage.options.recipes
        steps = training_cost(load, replace(workers, train=tuple(map(passes, workers.train))), rounds)
        return self._shortage_before(stage, stage.trained, search, steps, found, search.fidelity.max_rounds, part)

    def _shortage_before(
        self,
        stage: Rounds,
        phases: int,
        search: Search,
        step: Bill,
        found: Sequence[Trial],
        rounds: int,
        part: float,
    ) -> Shortage | None:
        """Return which limit a step of a stage before the search would exceed.

        Neither may the stage, which had so many phases, exceed its part, nor all that was spent with what follows the
        limits: so many rounds of the trials that are `found`, and the final training, of the dearest of them.
        """
        workers = self.to_come.workers(search)
        seconds = self.elapsed()
        spent = replace(Spent.of(stage.trials), seconds=seconds.get(stage.name, 0.0))
        total, price = replace(spent, seconds=sum(seconds.values())), _pricing(spent, phases)
        trials = [replace(one, number=0) for one in found]
        after = sum((self.to_come.step(one, 0, rounds, workers) for one in trials), step)
        after += self._reserved(search, self._dearest(trials), price)
        return shortage_of(self.limits.part(part), total, price(step)) or shortage_of(self.limits, total, price(after))

    def _prices(self, search: Search) -> tuple[Spent, Price]:
        """Return what the run has cost by now, and what tells what work costs, by what the search has cost."""
        seconds = self.elapsed()
        spent = replace(search.spent, seconds=seconds.get(search.name, 0.0))
        phases = sum(one.rounds + len(one.scores) for one in search.trials)
        return replace(spent + self.before(), seconds=sum(seconds.values())), _pricing(spent, phases)

    def _reserved(self, search: Search, trial: Trial, price: Price) -> Bill:
        """Return what is left for the final training, should the dearest come out of the search then."""
        cost, most = self.to_come.final_training(search, trial), self.limits.part(_FOR_FINAL)
        return cost(self._most_rounds(lambda rounds: shortage_of(most, Spent(), price(cost(rounds))) is None))

    def _most_rounds(self, paid: Callable[[int], bool]) -> int:
        """Return the most rounds of the final training that are paid, or the least there may be."""
        assert self.to_come.final.rounds is not None
        more = range(self.least_rounds + 1, self.to_come.final.rounds + 1)
        return self.least_rounds + bisect_left(more, True, key=lambda rounds: not paid(rounds))

    def _dearest(self, trials: Sequence[Trial]) -> Trial:
        return max(trials, key=lambda one: self.to_come.load(one.identity).macs)


def _pricing(spent: Spent, phases: int) -> Price:
    return lambda bill: priced(bill, spent, phases)
