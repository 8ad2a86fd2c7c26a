"""What trials scored at one rung: kept by a fidelity that compares them, and put into order."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from typing import Any

from common.errors import ConfigError
from server_app.comparison import ByNode, Standing, by_node_from_json, standings
from server_app.ranking import Entry, entries, order
from server_app.trials import Trial


@dataclass
class Scoreboard:
    """The scores of one rung.

    Parameters
    ----------
    scores, ties : dict of int to dict
        By trial: the scores of its nodes, and what decides a tie; see `standings`.
    infeasible : list of int
        Those of them that break a hard constraint; they rank behind the others.
    further : dict of int to list of dict
        By trial: as `scores`, of each other objective in which trials are compared; none where there is one objective.
    violations : dict of int to float
        By how much those that are infeasible break their constraints.
    """

    scores: dict[int, ByNode] = field(default_factory=dict)
    ties: dict[int, ByNode] = field(default_factory=dict)
    infeasible: list[int] = field(default_factory=list)
    further: dict[int, list[ByNode]] = field(default_factory=dict)
    violations: dict[int, float] = field(default_factory=dict)

    @property
    def numbers(self) -> list[int]:
        """Trials that scored, sorted."""
        return sorted(self.scores)

    def take(self, trial: Trial) -> None:
        """Note the last score of a trial; raises `ConfigError` where it has none, or had one here."""
        score = trial.last
        finite = score is not None and score.value is not None and math.isfinite(score.value)
        if score is None or not finite or trial.number in self.scores:
            raise ConfigError("A trial reports one finite score a rung", trial.score, fix="Report a bug")
        self.scores[trial.number], self.ties[trial.number] = score.comparable, score.ties
        if score.further:
            self.further[trial.number] = list(score.terms[1:])
        if not score.feasible:
            self.infeasible.append(trial.number)
            self.violations[trial.number] = score.violation

    def forget(self, number: int) -> None:
        """Forget what a trial scored, if it did."""
        for known in (self.scores, self.ties, self.further, self.violations):
            known.pop(number, None)
        self.infeasible = [other for other in self.infeasible if other != number]

    def standing(self, numbers: Collection[int]) -> dict[int, Standing]:
        """Return what these trials are worth, compared over the nodes that they have in common."""
        found = standings([self.scores[n] for n in numbers], [self.ties[n] for n in numbers])
        return dict(zip(numbers, found, strict=True))

    def values(self, numbers: Collection[int]) -> dict[int, float]:
        """Return what these trials score, compared over the nodes that they have in common; more is better."""
        return {number: value for number, (value, _) in self.standing(numbers).items()}

    def entries(self, numbers: Collection[int]) -> list[Entry]:
        """Return by what these trials are ordered, likewise."""
        return entries(
            list(numbers),
            [[self.scores[n], *self.further.get(n, [])] for n in numbers],
            [self.ties[n] for n in numbers],
            [(n in self.infeasible, self.violations.get(n, 0.0)) for n in numbers],
        )

    def order(self, numbers: Collection[int]) -> list[int]:
        """Return these trials best first: see `server_app.ranking.order`."""
        return [entry.number for entry in order(self.entries(numbers))]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; those have no numbers as keys."""
        return {
            name: [list(pair) for pair in value.items()] if isinstance(value, dict) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Scoreboard:
        """Build from what `to_json` wrote."""
        by_trial = {
            name: {number: by_node_from_json(by_node) for number, by_node in values[name]}
            for name in ("scores", "ties")
        }
        further = {number: [by_node_from_json(term) for term in terms] for number, terms in values["further"]}
        violations = dict(map(tuple, values["violations"]))
        return cls(**by_trial, infeasible=list(values["infeasible"]), further=further, violations=violations)
