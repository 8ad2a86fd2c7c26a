"""A bracket of successive halving: trials that are compared with each other, and which of them go on."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from server_app.fidelity.scoreboard import Scoreboard
from server_app.noise import clearly_better, repetition_error
from server_app.ranking import as_good


@dataclass
class Bracket:
    """Trials that race, rung after rung.

    Parameters
    ----------
    size : int
        Trials that it has when it is full.
    rung : int
        Index of the rung that its trials train for, from 0; a bracket may begin above the lowest.
    filling : bool
        Whether further trials may join; nothing is decided before.
    entered : int
        Trials that entered this rung, failed ones included: the n of the paper. Those that train on out of doubt do not
        count, or each rung would double what the one before has doubled.
    racing : dict of int to str
        Those that have not failed, and what each is a trial of.
    board : Scoreboard
        Of those that completed the rung.
    """

    size: int
    rung: int = 0
    filling: bool = True
    entered: int = 0
    racing: dict[int, str] = field(default_factory=dict)
    board: Scoreboard = field(default_factory=Scoreboard)

    @property
    def complete(self) -> bool:
        """Whether nobody is missing any more."""
        return not self.filling and len(self.board.scores) == len(self.racing)

    def enter(self, number: int, identity: str) -> None:
        """Take in a trial, and what it is a trial of."""
        self.racing[number] = identity
        self.entered += 1
        self.filling = self.entered < self.size

    def decide(self, eta: int, doubt: float) -> tuple[list[int], list[int]]:
        """Return who goes on, best first, and who cannot be told apart among them; all have been scored.

        Whom doubt keeps is at least as good as the last of the best, but for what may be chance. With several
        objectives it is compared, by the first of them, with the last of the best that is as good in all of them; one
        that none of these is as good as fell behind for want of room in a front, which is no matter of chance.
        """
        scores, order = self.board.scores, self.board.order(sorted(self.racing))
        places = max(1, self.entered // eta)
        best, first = order[:places], order[:places]
        entry = {entry.number: entry for entry in self.board.entries(sorted(self.racing))}
        noise = repetition_error(self._repetitions())
        for number in order[places : 2 * places] if doubt else []:
            rivals = [other for other in first if as_good(entry[other], entry[number])]
            apart = not rivals or entry[rivals[-1]].broken[0] != entry[number].broken[0]
            if apart or clearly_better(scores[rivals[-1]], scores[number], doubt, noise):
                break  # who follows is no better, and may only have the noisier score
            best.append(number)
        return best, sorted(best[places - 1 :]) if len(best) > places else []

    def climb(self, promoted: list[int], eta: int) -> None:
        """Go on to the next rung with these trials."""
        self.entered = min(len(promoted), max(1, self.entered // eta))
        self.rung += 1
        self.racing = {number: self.racing[number] for number in sorted(promoted)}
        self.board = Scoreboard()

    def leave(self, number: int) -> None:
        """Let a trial go that trains no more."""
        del self.racing[number]
        self.board.forget(number)

    def _repetitions(self) -> list[list[float]]:
        """Return the scores of the trials of each identity."""
        groups: defaultdict[str, list[float]] = defaultdict(list)
        for number, value in self.board.values(sorted(self.racing)).items():
            groups[self.racing[number]].append(value)
        return list(groups.values())

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; those have no numbers as keys."""
        return {
            "size": self.size,
            "rung": self.rung,
            "filling": self.filling,
            "entered": self.entered,
            "racing": [list(pair) for pair in self.racing.items()],
            "board": self.board.to_json(),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Bracket:
        """Build from what `to_json` wrote."""
        racing, board = dict(values["racing"]), Scoreboard.from_json(values["board"])
        return cls(**{**values, "racing": racing, "board": board})
