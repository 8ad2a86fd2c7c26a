"""What successive halving and Hyperband have in common: brackets, whose best train on.

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
from abc import abstractmethod
from dataclasses import asdict, dataclass
from typing import Any

from common.errors import ConfigError
from server_app.fidelity.base import Climb, Ending, Promotion
from server_app.fidelity.bracket import Bracket
from server_app.fidelity.ladder import Geometric
from server_app.trials import Trial, TrialState


class Halving(Geometric):
    """Promote the best ``1 / eta`` of a bracket from rung to rung and stop the rest; a subclass says which there are.

    When all trials of a rung have been scored or have failed, the best ``floor(n / eta)`` of the `n`
    that entered it go on, at least one. They are compared over the nodes that they have in common. Ties go to the lower
    loss and then to the lower number, so that the order of the reports never matters. Down from the last of the best
    those that follow go on too, one after the other, until one is clearly worse than it (`clearly_better`), or as many
    more do. A trial that completes the top rung finishes at once.
    """

    @dataclass(frozen=True)
    class Options(Geometric.Options):
        """Rungs, and who cannot be told apart.

        Parameters
        ----------
        doubt : float
            Standard errors within which two trials cannot be told apart; 0: nobody goes on out of doubt. Nor does
            anybody where nothing tells the noise, as with a panel of one node.
        others
            As of `Geometric`.
        """

        doubt: float = 1.0

        def __post_init__(self) -> None:
            super().__post_init__()
            if not 0 <= self.doubt < math.inf:
                raise ConfigError("fidelity.doubt must be 0 or more", self.doubt, fix="0 turns it off")

    def __init__(self, options: Any = None, steps_per_round: float | None = None) -> None:
        super().__init__(options, steps_per_round)
        self._brackets: list[Bracket] = []
        self._opened = 0
        self._promotions: list[Promotion] = []

    @abstractmethod
    def _bracket(self, index: int) -> Bracket:
        """Return the bracket that is opened after `index` others, without a trial."""

    @property
    def first(self) -> int:
        """Rounds of the rung at which the bracket begins that fills, or is opened next."""
        return self._rungs[self._to_fill.rung]

    @property
    def _to_fill(self) -> Bracket:
        filling = self._brackets and self._brackets[-1].filling
        return self._brackets[-1] if filling else self._bracket(self._opened)

    def start(self, trial: Trial) -> int:
        """Put the trial into the bracket that fills; return the rounds of its first rung."""
        if any(trial.number in bracket.racing for bracket in self._brackets):
            raise ConfigError("A trial starts once", trial.number, fix="Report a bug")
        bracket = self._to_fill
        if not bracket.entered:
            self._brackets.append(bracket)
            self._opened += 1
        bracket.enter(trial.number, json.dumps([trial.spec.id, trial.recipe.to_json()], sort_keys=True))
        return self._rungs[bracket.rung]

    def report(self, trial: Trial) -> list[Ending]:
        """Take in a score or a failure; decide once the rung of its bracket is complete."""
        bracket = self._bracket_of(trial.number)
        if trial.state is TrialState.FAILED:
            bracket.leave(trial.number)
            return self._decide(bracket)
        bracket.board.take(trial)
        if bracket.rung == len(self._rungs) - 1:
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
        promoted = [(one.trial, self._rungs.index(one.rounds)) for one in self._promotions]
        found = [Climb((trial,), 1, self._rungs[rung - 1], self._rungs[rung]) for trial, rung in promoted]
        filling = self._to_fill
        for bracket in [*(one for one in self._brackets if one is not filling), filling]:
            new = (number,) if bracket is filling else ()
            numbers, entered = (*bracket.racing, *new), bracket.entered + len(new)
            for rung in range(bracket.rung + 1, len(self._rungs)):
                places = max(1, entered // self.options.eta ** (rung - bracket.rung))
                found.append(Climb(numbers, places, self._rungs[rung - 1], self._rungs[rung]))
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
        """Return the rungs, the brackets that still race, how many were opened, and who was promoted and waits."""
        return {
            **super().state_dict(),
            "brackets": [bracket.to_json() for bracket in self._brackets],
            "opened": self._opened,
            "promotions": [asdict(promotion) for promotion in self._promotions],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        super().load_state_dict(state)
        self._brackets = [Bracket.from_json(row) for row in state["brackets"]]
        self._opened = state["opened"]
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
            self._promotions.append(Promotion(number, self._rungs[bracket.rung + 1], () if place else tuple(doubtful)))
        bracket.climb(promoted, self.options.eta)
        self._forget_empty()
        return endings
