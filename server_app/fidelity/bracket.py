"""A bracket of successive halving: trials that are compared with each other, and which of them go on."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass, field
from typing import Any

from server_app.comparison import ByNode, Standing, by_node_from_json, standings
from server_app.noise import clearly_better, repetition_error


@dataclass
class Bracket:
    """Trials that race, rung after rung.

    Parameters
    ----------
    filling : bool
        Whether further trials may join; nothing is decided before.
    rung : int
        Index of the rung that its trials train for, from 0.
    entered : int
        Trials that entered this rung, failed ones included: the n of the paper. Those that train on out of doubt do not
        count, or each rung would double what the one before has doubled.
    racing : dict of int to str
        Those that have not failed, and what each is a trial of.
    scores, ties : dict of int to dict
        By trial, of those that completed the rung: the scores of its nodes, and what decides a tie; see `standings`.
    infeasible : list of int
        Those of them that break a hard constraint; they rank behind the others.
    """

    filling: bool = True
    rung: int = 0
    entered: int = 0
    racing: dict[int, str] = field(default_factory=dict)
    scores: dict[int, ByNode] = field(default_factory=dict)
    ties: dict[int, ByNode] = field(default_factory=dict)
    infeasible: list[int] = field(default_factory=list)

    def decide(self, eta: int, doubt: float) -> tuple[list[int], list[int]]:
        """Return who goes on, best first, and who cannot be told apart among them; all have been scored."""
        numbers = sorted(self.racing)
        found = standings([self.scores[n] for n in numbers], [self.ties[n] for n in numbers])
        standing = dict(zip(numbers, found, strict=True))
        order = sorted(numbers, key=lambda n: (n in self.infeasible, *(-part for part in standing[n]), n))
        places = max(1, self.entered // eta)
        best, last = order[:places], order[places - 1 : places]
        noise = repetition_error(self._repetitions(standing))
        for number in order[places : 2 * places] if doubt else []:
            apart = (number in self.infeasible) != (last[0] in self.infeasible)
            if apart or clearly_better(self.scores[last[0]], self.scores[number], doubt, noise):
                break  # who follows is no better, and may only have the noisier score
            best.append(number)
        return best, sorted(best[places - 1 :]) if len(best) > places else []

    def climb(self, promoted: list[int], eta: int) -> None:
        """Go on to the next rung with these trials."""
        self.entered = min(len(promoted), max(1, self.entered // eta))
        self.rung += 1
        self.racing = {number: self.racing[number] for number in sorted(promoted)}
        self.scores, self.ties, self.infeasible = {}, {}, []

    def leave(self, number: int) -> None:
        """Let a trial go that trains no more."""
        del self.racing[number]
        self.scores.pop(number, None)
        self.ties.pop(number, None)
        self.infeasible = [other for other in self.infeasible if other != number]

    def _repetitions(self, standing: dict[int, Standing]) -> list[list[float]]:
        """Return the scores of the trials of each identity."""
        groups: defaultdict[str, list[float]] = defaultdict(list)
        for number, (value, _) in standing.items():
            groups[self.racing[number]].append(value)
        return list(groups.values())

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; those have no numbers as keys."""
        return {
            name: [list(pair) for pair in value.items()] if isinstance(value, dict) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Bracket:
        """Build from what `to_json` wrote."""
        by_trial = {
            name: {number: by_node_from_json(by_node) for number, by_node in values[name]}
            for name in ("scores", "ties")
        }
        return cls(**{**values, "racing": dict(values["racing"]), "infeasible": list(values["infeasible"]), **by_trial})
