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
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING

from common.config import options_of
from common.groups import NOT_PERSONAL, PORTFOLIO
from common.settings import PersonalSettings
from server_app.budget import Shortage, Spent, shortage_of
from server_app.candidates import constant, linear
from server_app.final_rounds import checkpoints, least_rounds, with_rounds
from server_app.forecast import (
    Bill,
    Load,
    Workers,
    dearest,
    final_cost,
    may_be_best,
    personal_cost,
    priced,
    score_cost,
    training_cost,
)
from server_app.front import num_of_front
from server_app.given import baseline_of
from server_app.spaces.recipes import RecipeSpace
from server_app.trials import Trial

if TYPE_CHECKING:
    from common.config import Config
    from common.groups import BudgetConfig, FinalConfig, PersonalConfig
    from common.jobs import Split
    from common.tasks import Task
    from server_app.placement.base import Placement
    from server_app.roster import Roster
    from server_app.stages.bilevel import Bilevel
    from server_app.stages.rounds import Rounds
    from server_app.stages.search import Search
    from server_app.stages.warm_up import WarmUp
    from server_app.trials import Identity

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
    final : FinalConfig
        What follows the search, with its rounds where the budget pays for them.
    least_rounds : int
        Of these, what is reserved in any case.
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
    elapsed : callable
        Returns the seconds of the run's stages so far, by name; those of the search under ``search``.
    before : callable
        Returns what the stages before the search have cost.
    folds : int
        How often each trial of the search trains.
    personal : PersonalConfig
        What nodes make of the winner for themselves.
    """

    limits: BudgetConfig
    final: FinalConfig
    least_rounds: int
    load: Callable[[Identity], Load]
    linear: Load
    constant: Load
    baseline: Load | None
    placement: Placement
    final_placement: Placement
    names: Callable[[], Collection[str]]
    held: Callable[[str, Split], int]
    elapsed: Callable[[], Mapping[str, float]] = dict
    before: Callable[[], Spent] = Spent
    folds: int = 1
    personal: PersonalConfig = NOT_PERSONAL

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
        workers = self._workers(search, self.placement, search.held_out)
        steps = [*search.under_way, (trial, rounds)]
        to_come = sum((self._step(one, one.rounds, until, workers) for one, until in steps), Bill())
        if trial.number == len(search.trials):
            to_come += self._climbs(search, trial, workers)
            to_come += Bill(self.load(trial.identity).macs * search.passes_of_pool)
        total, price = self._prices(search)
        return shortage_of(self.limits, total, price(to_come + self._reserved(search, trial, price)))

    def final_rounds(self, search: Search) -> int:
        """Return for how many rounds what a search has found trains: as many as what it left pays for.

        Parameters
        ----------
        search : Search
            That is done, and found something.
        """
        total, price = self._prices(search)
        cost = self._final(search, search.found())
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
        workers = self._workers(search, self.placement, search.held_out)
        to_come = sum((training_cost(self.load(path.identity), workers, 1) for path in paths), Bill())
        dearest_path = max(paths, key=lambda path: self.load(path.identity).macs)
        phases = len(warm_up.trials)
        return self._shortage_before(warm_up, phases, search, to_come, [dearest_path], search.fidelity.first, part)

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
        workers = self._workers(search, self.placement, search.held_out)
        recipe = search.controller.space.recipes.default
        found = [Trial(0, spec, recipe) for spec in stage.would_find()] * stage.options.recipes
        to_come = training_cost(load, replace(workers, train=tuple(map(passes, workers.train))), rounds)
        return self._shortage_before(stage, stage.trained, search, to_come, found, search.fidelity.max_rounds, part)

    def _shortage_before(
        self,
        stage: Rounds,
        phases: int,
        search: Search,
        to_come: Bill,
        found: Sequence[Trial],
        rounds: int,
        part: float,
    ) -> Shortage | None:
        """Return which limit a step of a stage before the search would exceed.

        Neither may the stage, which had so many phases, exceed its part, nor all that was spent with what follows the
        limits: so many rounds of the trials that are `found`, and the final training, of the dearest of them.
        """
        workers = self._workers(search, self.placement, search.held_out)
        seconds = self.elapsed()
        spent = replace(Spent.of(stage.trials), seconds=seconds.get(stage.name, 0.0))
        total, price = replace(spent, seconds=sum(seconds.values())), _pricing(spent, phases)
        trials = [replace(one, number=0) for one in found]
        after = sum((self._step(one, 0, rounds, workers) for one in trials), to_come)
        after += self._reserved(search, max(trials, key=lambda one: self.load(one.identity).macs), price)
        return shortage_of(self.limits.part(part), total, price(to_come)) or shortage_of(
            self.limits, total, price(after)
        )

    def _prices(self, search: Search) -> tuple[Spent, Price]:
        """Return what the run has cost by now, and what tells what work costs, by what the search has cost."""
        seconds = self.elapsed()
        spent = replace(search.spent, seconds=seconds.get(search.name, 0.0))
        phases = sum(one.rounds + len(one.scores) for one in search.trials)
        return replace(spent + self.before(), seconds=sum(seconds.values())), _pricing(spent, phases)

    def _reserved(self, search: Search, trial: Trial, price: Price) -> Bill:
        """Return what is left for the final training, should the dearest come out of the search then."""
        cost, most = self._final(search, trial), self.limits.part(_FOR_FINAL)
        return cost(self._most_rounds(lambda rounds: shortage_of(most, Spent(), price(cost(rounds))) is None))

    def _most_rounds(self, paid: Callable[[int], bool]) -> int:
        """Return the most rounds of the final training that are paid, or the least there may be."""
        assert self.final.rounds is not None
        more = range(self.least_rounds + 1, self.final.rounds + 1)
        return self.least_rounds + bisect_left(more, True, key=lambda rounds: not paid(rounds))

    def _step(self, trial: Trial, start: int, rounds: int, workers: Workers) -> Bill:
        load = self.load(trial.identity)
        return training_cost(load, workers, rounds - start) * self.folds + score_cost(load, workers)

    def _climbs(self, search: Search, new: Trial, workers: Workers) -> Bill:
        """Return the cost of the promotions to come, each place taken by the dearest that may take it."""
        trials, total = [*search.trials, new], Bill()
        for climb in search.fidelity.climbs(new.number):
            steps = [self._step(trials[number], climb.start, climb.rounds, workers) for number in climb.trials]
            total += dearest(steps, climb.places)
        return total

    def _final(self, search: Search, trial: Trial) -> Callable[[int], Bill]:
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
        selection = self._workers(search, self.final_placement, search.held_out)
        judges, tests = (tuple(self.held(name, split) for name in self.names()) for split in ("validation", "test"))
        others = self._workers(search, self.final_placement, ())
        cost = partial(
            final_cost,
            finalists=[self.load(identity) for identity in dict.fromkeys(one.identity for one in best)],
            baselines=baselines,
            linear=self.linear,
            constant=self.constant,
            selection=selection,
            others=replace(others, score=judges, test=tests if any(tests) else ()),  # else the test is on the server
            held_out=bool(search.held_out),
            winners=winners,
        )
        return lambda rounds: cost(replace(final, rounds=rounds), personal=partial(self._personal, rounds))

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


def _pricing(spent: Spent, phases: int) -> Price:
    return lambda bill: priced(bill, spent, phases)


def examples_of(roster: Roster) -> Callable[[str, Split], int]:
    """Return what tells how many examples of a split a node has; one that was not asked yet has as many as any."""

    def held(name: str, split: Split) -> int:
        report = roster.reports.get(name)
        if report is not None:
            return report.held(split)
        return max((other.held(split) for other in roster.reports.values()), default=0)

    return held


def allowance_of(
    config: Config,
    task: Task,
    roster: Roster,
    elapsed: Callable[[], Mapping[str, float]],
    placement: type[Placement],
    before: Callable[[], Spent] = Spent,
) -> Allowance:
    """Return what the search of a configuration may spend.

    Parameters
    ----------
    config : Config
        What was chosen.
    task : Task
        That the handshake told.
    roster : Roster
        The nodes.
    elapsed, before : callable
        As of `Allowance`.
    placement : type of Placement
        That was chosen.
    """

    @cache
    def load(identity: Identity) -> Load:
        return Load.of(identity, task, config.federation.precision)

    recipes = RecipeSpace.of(config.training, task)
    baseline = baseline_of(config, task, recipes, ())
    options = options_of(config.placement, placement.Options, "placement")
    return Allowance(
        limits=config.search.budget,
        final=with_rounds(config.final, roster.steps_per_round(recipes.default)),
        least_rounds=least_rounds(config.final),
        load=load,
        linear=load(linear(recipes.default)),
        constant=load(constant(roster.most_examples)),
        baseline=None if baseline is None else load(baseline),
        placement=placement(config.seed, config.search.concurrency, options),
        final_placement=placement(config.seed, 1, options),
        names=lambda: {*roster.reports, *roster.there},
        held=examples_of(roster),
        elapsed=elapsed,
        before=before,
        folds=config.scoring.folds,
        personal=config.personal,
    )
