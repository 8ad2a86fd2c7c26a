"""One controller on one table with one seed: what a search does, but that scores are looked up.

Time is counted in epochs: of several trials in flight the one that has fewest epochs to go is scored first, of equal
ones the earliest. Every trial is one of the trainings that the table tells of, drawn by the run's seed and the trial's
number, so a controller sees as much noise as there is between them.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from common.seeding import generator
from server_app.registry import load_choice
from server_app.scores import Score
from server_app.spaces.recipes import RecipeSpace
from server_app.spaces.trial_space import TrialSpace
from server_app.trials import Recipe, Trial, TrialState, ranked

if TYPE_CHECKING:
    from server_app.benchmark.settings import Contender
    from server_app.controllers.base import Controller
    from server_app.fidelity.base import Ending, Fidelity
    from server_app.spaces.tabular import TabularSpace

_LATE = 0.1
"""Part of the proposals, the last ones, of which seconds are told apart: some controllers become slower."""


@dataclass(frozen=True)
class Trace:
    """What came of one run.

    Parameters
    ----------
    best_seen : tuple of float
        Shape ``(budget,)``: after 1, 2, ... whole trainings, the worth of the best architecture among those that were
        evaluated; where trials stop early, among those at the highest rung that any has reached.
    incumbent : tuple of float
        The same of the one that the observed scores rank first, which is what a user would get.
    seconds, late_seconds : float
        Of the controller for one proposal, observing what came of it included: the mean, and that of the last tenth.
    """

    best_seen: tuple[float, ...]
    incumbent: tuple[float, ...]
    seconds: float
    late_seconds: float


def drive(space: TabularSpace, contender: Contender, seed: int, budget: int, parallel: int = 1) -> Trace:
    """Let a contender search a table until the budget is spent, or there is nothing left to try.

    Parameters
    ----------
    space : TabularSpace
        The table.
    contender : Contender
        Controller and fidelity.
    seed : int
        Of the run.
    budget : int
        Whole trainings, however they are shared among trials.
    parallel : int
        Trials in flight.
    """
    return _Drive(space, contender, seed, budget * space.table.epochs, parallel).run()


class _Drive:
    """A search under way.

    `_started` and `_done` are epochs of what was started and of what was scored, out of `_limit`.
    """

    def __init__(self, space: TabularSpace, contender: Contender, seed: int, limit: int, parallel: int) -> None:
        controller: Any = load_choice("controller", contender.controller)
        fidelity: Any = load_choice("fidelity", contender.fidelity)
        self._space, self._seed, self._limit, self._parallel = space, seed, limit, parallel
        self._fidelity: Fidelity = fidelity(contender.fidelity_options)
        trials = TrialSpace(space, RecipeSpace.fixed(Recipe()))
        most = max(1, limit // self._fidelity.rungs[0])
        self._controller: Controller = controller(trials, seed, most, contender.controller_options)
        self._running: list[tuple[int, int]] = []  # when it is scored, in epochs, and its number
        self._trials: dict[int, Trial] = {}
        self._targets: dict[int, int] = {}
        self._seconds: dict[int, float] = {}
        self._clock = self._started = self._done = 0
        self._over = self._closed = False
        self._seen: Trial | None = None
        self._incumbent: Trial | None = None
        self._log: list[tuple[int, float, float]] = []

    def run(self) -> Trace:
        while self._refill():
            self._score(*heapq.heappop(self._running))
        seconds = list(self._seconds.values())
        late = seconds[-max(1, round(_LATE * len(seconds))) :]
        best_seen, incumbent = curves(self._log, self._space.table.epochs, self._limit)
        return Trace(best_seen, incumbent, sum(seconds) / len(seconds), sum(late) / len(late))

    def _refill(self) -> bool:
        """Start what can be started; return whether anything is under way."""
        self._fill()
        if not self._running or (self._controller.done and not self._closed):
            self._closed = self._controller.done
            self._apply(self._fidelity.close())  # nobody may wait for trials that will not come
            self._fill()
        return bool(self._running)

    def _fill(self) -> None:
        while len(self._running) < self._parallel and not self._over:
            promotion = self._fidelity.next()
            if promotion is not None:
                self._start(self._trials[promotion.trial], promotion.rounds)
            elif self._started + self._fidelity.first > self._limit or not self._propose():
                return

    def _propose(self) -> bool:
        began = perf_counter()
        proposals = self._controller.propose(1)
        seconds = perf_counter() - began
        for proposal in proposals:
            trial = Trial.of(proposal)
            self._trials[trial.number], self._seconds[trial.number] = trial, seconds
            self._start(trial, self._fidelity.start(trial))
        return bool(proposals)

    def _start(self, trial: Trial, target: int) -> None:
        epochs = target - trial.rounds
        if self._started + epochs > self._limit:
            self._over = True
            return
        self._started += epochs
        self._targets[trial.number], trial.state = target, TrialState.RUNNING
        heapq.heappush(self._running, (self._clock + epochs, trial.number))

    def _score(self, clock: int, number: int) -> None:
        trial, target = self._trials[number], self._targets[number]
        self._clock, self._done = clock, self._done + target - trial.rounds
        curves_of = self._space.entry(trial.spec).curves
        training = int(generator(self._seed, "training", number).integers(len(curves_of)))
        trial.rounds, trial.state = target, TrialState.WAITING
        trial.scores.append(Score(self._fidelity.rung_of(target), target, curves_of[training][target - 1]))
        self._observe(trial, final=False)
        self._note(trial)
        self._apply(self._fidelity.report(trial))

    def _apply(self, endings: Sequence[Ending]) -> None:
        for ending in endings:
            trial = self._trials[ending.trial]
            trial.state = TrialState.FINISHED if ending.action == "finish" else TrialState.STOPPED
            self._observe(trial, final=True)

    def _observe(self, trial: Trial, final: bool) -> None:
        began = perf_counter()
        self._controller.observe(trial, final)
        self._seconds[trial.number] += perf_counter() - began

    def _note(self, trial: Trial) -> None:
        """Take down what the run has come to; two trials are ranked as a search ranks all of them."""
        seen = [one for one in (self._seen, trial) if one is not None]
        self._seen = max(seen, key=lambda one: (one.rung, self._worth(one)))
        rivals = {one.number: one for one in (self._incumbent, trial) if one is not None}
        self._incumbent = ranked(list(rivals.values()))[0]
        self._log.append((self._done, self._worth(self._seen), self._worth(self._incumbent)))

    def _worth(self, trial: Trial) -> float:
        return self._space.entry(trial.spec).mean


def curves(
    log: Sequence[tuple[int, float, float]], epochs: int, limit: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return what a log says after each whole training.

    Parameters
    ----------
    log : sequence of tuples
        Epochs done, and the worth of the best seen and of the incumbent from then on; not empty, in order, and begun
        before the first whole training is over.
    epochs : int
        Of a whole training.
    limit : int
        Epochs in all.
    """
    best_seen, incumbent, place = [], [], 0
    for done in range(epochs, limit + 1, epochs):
        while place + 1 < len(log) and log[place + 1][0] <= done:
            place += 1
        best_seen.append(log[place][1])
        incumbent.append(log[place][2])
    return tuple(best_seen), tuple(incumbent)
