"""Successive halving: many trials train a little, the best of them train on.

K. Jamieson and A. Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter
Optimization", AISTATS 2016, figure 3, with a general reduction factor eta in place of 2 (as in
Hyperband, Li et al., JMLR 2018).

Where we depart: the arms of a bracket are not all known beforehand. A bracket fills from what the
controller proposes; once it is full, the next trial opens another one, so that a bracket that waits
for its slowest trial holds up nobody else. And where few nodes with few examples score, the best of a rung may be so by
chance, so trials that cannot be told from the last of them go on too, up to twice as many as there would have been.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

from common.errors import ConfigError
from server_app.fidelity.base import Climb, Ending, Fidelity, Promotion
from server_app.fidelity.bracket import Bracket
from server_app.trials import Trial, TrialState


class SuccessiveHalving(Fidelity):
    """Promote the best ``1 / eta`` of a bracket from rung to rung and stop the rest.

    When all trials of a rung have been scored or have failed, the best ``floor(n / eta)`` of the `n`
    that entered it go on, at least one. They are compared over the nodes that they have in common. Ties go to the lower
    loss and then to the lower number, so that the order of the reports never matters. Down from the last of the best
    those that follow go on too, one after the other, until one is clearly worse than it (`clearly_better`), or as many
    more do. A trial that completes the top rung finishes at once.
    """

    @dataclass(frozen=True)
    class Options(Fidelity.Options):
        """Rungs and size of a bracket.

        Parameters
        ----------
        max_rounds : int
            Rounds of the top rung.
        min_rounds : int
            Rounds of the first rung, at least.
        min_steps : int
            Optimizer steps of the first rung on the average node, at least; 0 leaves it at `min_rounds`. After few
            steps the order of networks says little of the order to come (tests/benchmarks/first_rung.py).
        eta : int
            Reduction factor: one in `eta` goes on, to `eta` times the rounds.
        bracket_size : int
            Trials in a bracket.
        doubt : float
            Standard errors within which two trials cannot be told apart; 0: nobody goes on out of doubt. Nor does
            anybody where nothing tells the noise, as with a panel of one node.
        """

        max_rounds: int = 9
        min_rounds: int = 1
        min_steps: int = 50
        eta: int = 3
        bracket_size: int = 9
        doubt: float = 1.0

        def __post_init__(self) -> None:
            super().__post_init__()
            if not 1 <= self.min_rounds <= self.max_rounds:
                raise ConfigError(
                    f"fidelity.min_rounds must lie between 1 and fidelity.max_rounds ({self.max_rounds})",
                    self.min_rounds,
                    fix="Set fidelity.min_rounds=1",
                )
            if self.min_steps < 0:
                raise ConfigError("fidelity.min_steps must be 0 or more", self.min_steps, fix="0 turns it off")
            if not 0 <= self.doubt < math.inf:
                raise ConfigError("fidelity.doubt must be 0 or more", self.doubt, fix="0 turns it off")
            if self.eta < 2:
                raise ConfigError("fidelity.eta must be 2 or more", self.eta, fix="Set fidelity.eta=3")
            if self.bracket_size < self.eta:
                raise ConfigError(
                    f"fidelity.bracket_size must be at least fidelity.eta ({self.eta}), or nobody would be stopped",
                    self.bracket_size,
                    fix=f"Set fidelity.bracket_size={self.eta**2}",
                )

    def __init__(self, options: Any = None, steps_per_round: float | None = None) -> None:
        super().__init__(options, steps_per_round)
        first = max(self.options.min_rounds, math.ceil(self.options.min_steps / (steps_per_round or math.inf)))
        self._rungs = rungs(first, self.options.max_rounds, self.options.eta)
        self._brackets: list[Bracket] = []
        self._promotions: list[Promotion] = []

    @property
    def rungs(self) -> list[int]:
        """Rounds in all at each rung; of a run that goes on those of its beginning, whatever nodes there are."""
        return list(self._rungs)

    def start(self, trial: Trial) -> int:
        """Put the trial into the bracket that fills; return the rounds of the first rung."""
        if any(trial.number in bracket.racing for bracket in self._brackets):
            raise ConfigError("A trial starts once", trial.number, fix="Report a bug")
        if not self._brackets or not self._brackets[-1].filling:
            self._brackets.append(Bracket())
        bracket = self._brackets[-1]
        bracket.racing[trial.number] = json.dumps([trial.spec.id, trial.recipe.to_json()], sort_keys=True)
        bracket.entered += 1
        bracket.filling = bracket.entered < self.options.bracket_size
        return self.rungs[0]

    def report(self, trial: Trial) -> list[Ending]:
        """Take in a score or a failure; decide once the rung of its bracket is complete."""
        bracket = self._bracket_of(trial.number)
        if trial.state is TrialState.FAILED:
            bracket.leave(trial.number)
            return self._decide(bracket)
        bracket.board.take(trial)
        if bracket.rung == len(self.rungs) - 1:
            # Nobody is compared any more; the finished trial must not wait for a bracket to fill either.
            bracket.leave(trial.number)
            self._forget_empty()
            return [Ending(trial.number, "finish")]
        return self._decide(bracket)

    def next(self) -> Promotion | None:
        """Return who was promoted first and has not trained on yet."""
        return self._promotions.pop(0) if self._promotions else None

    def climbs(self, number: int) -> list[Climb]:
        """Return who was promoted, and of each bracket, as it is, the places on all rungs to come."""
        promoted = [(one.trial, self.rungs.index(one.rounds)) for one in self._promotions]
        found = [Climb((trial,), 1, self.rungs[rung - 1], self.rungs[rung]) for trial, rung in promoted]
        racing = [(tuple(bracket.racing), bracket.entered, bracket.rung) for bracket in self._brackets]
        if self._brackets and self._brackets[-1].filling:
            numbers, entered, rung = racing.pop()
            racing.append(((*numbers, number), entered + 1, rung))
        else:
            racing.append(((number,), 1, 0))
        for numbers, entered, first in racing:
            for rung in range(first + 1, len(self.rungs)):
                places = max(1, entered // self.options.eta ** (rung - first))
                found.append(Climb(numbers, places, self.rungs[rung - 1], self.rungs[rung]))
        return found

    def decline(self, promotion: Promotion) -> list[Ending]:
        """Let the trial leave its bracket; the rung is decided among the others."""
        bracket = self._bracket_of(promotion.trial)
        bracket.leave(promotion.trial)
        return [Ending(promotion.trial, "stop"), *self._decide(bracket)]

    def close(self) -> list[Ending]:
        """Let the bracket that fills go on with the trials that it has."""
        endings = []
        for bracket in list(self._brackets):
            if bracket.filling:
                bracket.filling = False
                endings += self._decide(bracket)
        return endings

    def state_dict(self) -> dict[str, Any]:
        """Return the rungs, the brackets that still race, and who was promoted and has not trained on yet."""
        return {
            "rungs": self.rungs,
            "brackets": [bracket.to_json() for bracket in self._brackets],
            "promotions": [asdict(promotion) for promotion in self._promotions],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        self._rungs = list(state["rungs"])
        self._brackets = [Bracket.from_json(row) for row in state["brackets"]]
        self._promotions = [Promotion(**row | {"doubtful": tuple(row["doubtful"])}) for row in state["promotions"]]

    def _bracket_of(self, number: int) -> Bracket:
        for bracket in self._brackets:
            if number in bracket.racing:
                return bracket
        raise ConfigError("Only a trial that races reports", number, fix="Report a bug")

    def _forget_empty(self) -> None:
        self._brackets = [bracket for bracket in self._brackets if bracket.racing or bracket.filling]

    def _decide(self, bracket: Bracket) -> list[Ending]:
        if not bracket.complete:
            return []
        promoted, doubtful = bracket.decide(self.options.eta, self.options.doubt)
        endings = [Ending(number, "stop") for number in sorted(bracket.racing) if number not in promoted]
        for place, number in enumerate(promoted):  # the best first, should a budget not pay for all
            self._promotions.append(Promotion(number, self.rungs[bracket.rung + 1], () if place else tuple(doubtful)))
        bracket.climb(promoted, self.options.eta)
        self._forget_empty()
        return endings


def rungs(min_rounds: int, max_rounds: int, eta: int) -> list[int]:
    """Return the rounds of each rung: ``min_rounds * eta**k`` while below `max_rounds`, then `max_rounds`."""
    steps = []
    step = min_rounds
    while step < max_rounds:
        steps.append(step)
        step *= eta
    return [*steps, max_rounds]
