"""Successive halving: many trials train a little, the best of them train on.

K. Jamieson and A. Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter
Optimization", AISTATS 2016, figure 3, with a general reduction factor eta in place of 2 (as in
Hyperband, Li et al., JMLR 2018).

Where we depart: the arms of a bracket are not all known beforehand. A bracket fills from what the
controller proposes; once it is full, the next trial opens another one, so that a bracket that waits
for its slowest trial holds up nobody else.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from common.errors import ConfigError
from server_app.comparison import ByNode, over_common_nodes
from server_app.fidelity.base import Ending, Fidelity, Promotion
from server_app.trials import Trial, TrialState


@dataclass
class Bracket:
    """Trials that are compared with each other.

    Parameters
    ----------
    filling : bool
        Whether further trials may join; nothing is decided before.
    rung : int
        Index of the rung that its trials train for, from 0.
    entered : int
        Trials that entered this rung, failed ones included: the n of the paper.
    racing : list of int
        Those of them that have not failed.
    scores : dict of int to dict
        By trial, of those that completed the rung: the scores of its nodes, see `over_common_nodes`.
    infeasible : list of int
        Those of them that break a hard constraint; they rank behind the others.
    """

    filling: bool = True
    rung: int = 0
    entered: int = 0
    racing: list[int] = field(default_factory=list)
    scores: dict[int, ByNode] = field(default_factory=dict)
    infeasible: list[int] = field(default_factory=list)

    def best_first(self) -> list[int]:
        """Return the trials that race, best first; ties go to the lower number."""
        scores = dict(zip(self.scores, over_common_nodes(list(self.scores.values())), strict=True))
        return sorted(self.racing, key=lambda number: (number in self.infeasible, -scores[number], number))

    def leave(self, number: int) -> None:
        """Let a trial go that trains no more."""
        self.racing.remove(number)
        self.scores.pop(number, None)
        self.infeasible = [other for other in self.infeasible if other != number]


class SuccessiveHalving(Fidelity):
    """Promote the best ``1 / eta`` of a bracket from rung to rung and stop the rest.

    When all trials of a rung have been scored or have failed, the best ``floor(n / eta)`` of the `n`
    that entered it go on, at least one. They are compared over the nodes that they have in common. Ties go
    to the lower number, so that the order of the reports never matters. A trial that completes the top rung
    finishes at once.
    """

    @dataclass(frozen=True)
    class Options(Fidelity.Options):
        """Rungs and size of a bracket.

        Parameters
        ----------
        max_rounds : int
            Rounds of the top rung.
        min_rounds : int
            Rounds of the first rung.
        eta : int
            Reduction factor: one in `eta` goes on, to `eta` times the rounds.
        bracket_size : int
            Trials in a bracket.
        """

        max_rounds: int = 9
        min_rounds: int = 1
        eta: int = 3
        bracket_size: int = 9

        def __post_init__(self) -> None:
            super().__post_init__()
            if not 1 <= self.min_rounds <= self.max_rounds:
                raise ConfigError(
                    f"fidelity.min_rounds must lie between 1 and fidelity.max_rounds ({self.max_rounds})",
                    self.min_rounds,
                    fix="Set fidelity.min_rounds=1",
                )
            if self.eta < 2:
                raise ConfigError("fidelity.eta must be 2 or more", self.eta, fix="Set fidelity.eta=3")
            if self.bracket_size < self.eta:
                raise ConfigError(
                    f"fidelity.bracket_size must be at least fidelity.eta ({self.eta}), or nobody would be stopped",
                    self.bracket_size,
                    fix=f"Set fidelity.bracket_size={self.eta**2}",
                )

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self.rungs = rungs(self.options.min_rounds, self.options.max_rounds, self.options.eta)
        self._brackets: list[Bracket] = []
        self._promotions: list[Promotion] = []

    def start(self, trial: Trial) -> int:
        """Put the trial into the bracket that fills; return the rounds of the first rung."""
        if any(trial.number in bracket.racing for bracket in self._brackets):
            raise ConfigError("A trial starts once", trial.number, fix="Report a bug")
        if not self._brackets or not self._brackets[-1].filling:
            self._brackets.append(Bracket())
        bracket = self._brackets[-1]
        bracket.racing.append(trial.number)
        bracket.entered += 1
        bracket.filling = bracket.entered < self.options.bracket_size
        return self.rungs[0]

    def report(self, trial: Trial) -> list[Ending]:
        """Take in a score or a failure; decide once the rung of its bracket is complete."""
        bracket = self._bracket_of(trial.number)
        if trial.state is TrialState.FAILED:
            bracket.leave(trial.number)
            return self._decide(bracket)
        score = trial.last
        if score is None or not math.isfinite(score.value) or trial.number in bracket.scores:
            raise ConfigError("A trial reports one finite score a rung", trial.score, fix="Report a bug")
        if bracket.rung == len(self.rungs) - 1:
            # Nobody is compared any more; the finished trial must not wait for a bracket to fill either.
            bracket.leave(trial.number)
            self._forget_empty()
            return [Ending(trial.number, "finish")]
        bracket.scores[trial.number] = score.comparable
        if not score.feasible:
            bracket.infeasible.append(trial.number)
        return self._decide(bracket)

    def next(self) -> Promotion | None:
        """Return who was promoted first and has not trained on yet."""
        return self._promotions.pop(0) if self._promotions else None

    def close(self) -> list[Ending]:
        """Let the bracket that fills go on with the trials that it has."""
        endings = []
        for bracket in list(self._brackets):
            if bracket.filling:
                bracket.filling = False
                endings += self._decide(bracket)
        return endings

    def state_dict(self) -> dict[str, Any]:
        """Return the brackets that still race, and who was promoted and has not trained on yet."""
        brackets = [asdict(bracket) | {"scores": list(bracket.scores.items())} for bracket in self._brackets]
        return {"brackets": brackets, "promotions": [asdict(promotion) for promotion in self._promotions]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        self._brackets = [
            Bracket(**row | {"racing": list(row["racing"]), "scores": _scores(row["scores"])})
            for row in state["brackets"]
        ]
        self._promotions = [Promotion(**row) for row in state["promotions"]]

    def _bracket_of(self, number: int) -> Bracket:
        for bracket in self._brackets:
            if number in bracket.racing:
                return bracket
        raise ConfigError("Only a trial that races reports", number, fix="Report a bug")

    def _forget_empty(self) -> None:
        self._brackets = [bracket for bracket in self._brackets if bracket.racing or bracket.filling]

    def _decide(self, bracket: Bracket) -> list[Ending]:
        if bracket.filling or len(bracket.scores) < len(bracket.racing):
            return []
        promoted = sorted(bracket.best_first()[: max(1, bracket.entered // self.options.eta)])
        endings = [Ending(number, "stop") for number in sorted(bracket.racing) if number not in promoted]
        if promoted:
            rounds = self.rungs[bracket.rung + 1]
            self._promotions += [Promotion(number, rounds) for number in promoted]
        bracket.rung, bracket.entered, bracket.racing = bracket.rung + 1, len(promoted), promoted
        bracket.scores, bracket.infeasible = {}, []
        self._forget_empty()
        return endings


def _scores(rows: list[Any]) -> dict[int, ByNode]:
    """Read what JSON made of a bracket's scores."""
    return {number: {name: (score, size) for name, (score, size) in by_node.items()} for number, by_node in rows}


def rungs(min_rounds: int, max_rounds: int, eta: int) -> list[int]:
    """Return the rounds of each rung: ``min_rounds * eta**k`` while below `max_rounds`, then `max_rounds`."""
    steps = []
    step = min_rounds
    while step < max_rounds:
        steps.append(step)
        step *= eta
    return [*steps, max_rounds]
