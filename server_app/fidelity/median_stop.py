"""The median stopping rule: a trial goes on unless it does worse than the median of those before it.

D. Golovin, B. Solnik, S. Moitra, G. Kochanski, J. Karro and D. Sculley, "Google Vizier: A Service for Black-Box
Optimization", KDD 2017, section 3.2.1: a trial stops at a step if its best value by then is strictly worse than the
median of the running averages, up to the same step, of all completed trials that got so far. Nothing is assumed of the
shape of learning curves.

Where we depart: averages begin at the first rung, which has the optimizer steps that make scores worth comparing. A
trial that breaks a hard constraint at the step is worse than any that does not. And a trial counts as completed from
when the next place is given away, so that with ``order=rounds`` the order of the reports within a round plays no part;
which trials have completed by a round is a matter of time all the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from common.errors import ConfigError
from server_app.fidelity.base import Climb, Ending, Promotion
from server_app.fidelity.ladder import Ladder
from server_app.fidelity.scoreboard import Scoreboard
from server_app.trials import Trial, TrialState


class MedianStop(Ladder):
    """Rungs at equal distances; who reached one trains on to the next, or ends."""

    @dataclass(frozen=True)
    class Options(Ladder.Options):
        """How often trials are compared, and with how many.

        Parameters
        ----------
        interval : int
            Rounds from one rung to the next.
        min_trials : int
            Trials that must have completed and got as far, or nobody is stopped.
        others
            As of `Ladder`.
        """

        interval: int = 1
        min_trials: int = 3

        def __post_init__(self) -> None:
            super().__post_init__()
            for name in ("interval", "min_trials"):
                if (value := getattr(self, name)) < 1:
                    raise ConfigError(f"fidelity.{name} must be 1 or more", value, fix=f"Set fidelity.{name}=1")

    def __init__(self, options: Any = None, steps_per_round: float | None = None) -> None:
        super().__init__(options, steps_per_round)
        self._boards = [Scoreboard() for _ in self._rungs]
        self._under_way: dict[int, int] = {}
        self._completed: list[int] = []
        self._just: list[int] = []
        self._promoted: list[int] = []

    def _spaced(self, first: int) -> list[int]:
        return [*range(first, self.max_rounds, self.options.interval), self.max_rounds]

    def start(self, trial: Trial) -> int:
        """Take in a trial; return the rounds of the first rung."""
        if trial.number in self._under_way or trial.number in self._boards[0].scores:
            raise ConfigError("A trial starts once", trial.number, fix="Report a bug")
        self._under_way[trial.number] = 0
        return self._rungs[0]

    def report(self, trial: Trial) -> list[Ending]:
        """Take in a score or a failure; the trial finishes, is stopped, or goes on once there is a place."""
        number, rung = trial.number, self._under_way.get(trial.number)
        if rung is None or number in self._promoted:
            raise ConfigError("Only a trial that trains reports", number, fix="Report a bug")
        if trial.state is TrialState.FAILED:
            del self._under_way[number]
            for board in self._boards:
                board.forget(number)
            return []
        self._boards[rung].take(trial)
        if rung == len(self._rungs) - 1:
            return [self._end(number, "finish")]
        if self._is_behind(number, rung):
            return [self._end(number, "stop")]
        self._promoted.append(number)
        return []

    def next(self) -> Promotion | None:
        """Return a trial that goes on: the one that got farthest, of several the first."""
        self._completed, self._just = sorted([*self._completed, *self._just]), []
        if not self._promoted:
            return None
        number = min(self._promoted, key=lambda one: (-self._under_way[one], one))
        self._promoted.remove(number)
        self._under_way[number] += 1
        return Promotion(number, self._rungs[self._under_way[number]])

    def climbs(self, number: int) -> list[Climb]:
        """Return all rungs that are left to each trial: nothing says that any is stopped."""
        steps = list(zip(self._rungs, self._rungs[1:], strict=False))
        left = [(one, rung) for one, rung in self._under_way.items()] + [(number, 0)]
        return [Climb((one,), 1, *step) for one, rung in left for step in steps[rung:]]

    def decline(self, promotion: Promotion) -> list[Ending]:
        """Let the trial end at the rung that it has completed."""
        return [self._end(promotion.trial, "stop")]

    def state_dict(self) -> dict[str, Any]:
        """Return all scores, who trains for which rung, who has completed, and who waits for a place to train on."""
        return {
            **super().state_dict(),
            "boards": [board.to_json() for board in self._boards],
            "under_way": [list(pair) for pair in self._under_way.items()],
            "completed": list(self._completed),
            "just": list(self._just),
            "promoted": list(self._promoted),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        super().load_state_dict(state)
        self._boards = [Scoreboard.from_json(row) for row in state["boards"]]
        self._under_way = dict(state["under_way"])
        self._completed, self._just = list(state["completed"]), list(state["just"])
        self._promoted = list(state["promoted"])

    def _end(self, number: int, action: Any) -> Ending:
        del self._under_way[number]
        self._just.append(number)
        return Ending(number, action)

    def _is_behind(self, number: int, rung: int) -> bool:
        """Return whether a trial is to be stopped at a rung, by its index, that it has just completed."""
        others = [one for one in self._completed if one in self._boards[rung].scores]
        if len(others) < self.options.min_trials:
            return False
        boards, infeasible = self._boards[: rung + 1], self._boards[rung].infeasible
        columns = [board.values([number, *others]) for board in boards]  # over the nodes that these have in common
        curves = {one: [column[one] for column in columns] for one in (number, *others)}
        worth = {one: -math.inf if one in infeasible else fmean(curves[one]) for one in others}
        best = -math.inf if number in infeasible else max(curves[number])
        return falls_behind(best, list(worth.values()))


def falls_behind(best: float, averages: Sequence[float]) -> bool:
    """Return whether the best value of a trial is worse than the median of the averages of others, not by rounding."""
    middle = median(averages)
    return best < middle and not math.isclose(best, middle)
