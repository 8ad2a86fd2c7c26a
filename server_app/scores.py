"""Scores: what a trial was worth at a rung, on the whole and node by node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from server_app.comparison import ByNode


@dataclass(frozen=True)
class NodeScore:
    """What one node of the panel (or one person of a test set) gave.

    Parameters
    ----------
    metrics : mapping of str to float
        Of the task's head.
    examples : int
        Examples behind them.
    value : float, optional
        What ranks, by this node alone; more is better. None where its metric is not defined on the node's examples.
    tie : float, optional
        What decides between equal values, see `Head.tie`; more is better. None where the node did not report it.
    """

    metrics: Mapping[str, float]
    examples: int
    value: float | None
    tie: float | None = None

    def to_json(self) -> list[Any]:
        """Return plain JSON values."""
        return [dict(self.metrics), self.examples, self.value, self.tie]


@dataclass(frozen=True)
class Score:
    """What a trial was worth at one rung.

    Parameters
    ----------
    rung : int
        Which rung was completed with this score, from 1: of a search the number of its fidelity's rung at so many
        rounds, since a trial may begin above the lowest.
    rounds : int
        Rounds trained.
    value : float, optional
        What ranks trials of the same rung: the first objective, oriented so that more is better; finite. None of a test
        where nobody reported it, by which nobody is ranked.
    values : mapping of str to float
        By objective that was reported, as people read them.
    metrics : mapping of str to float
        The panel's table.
    by_node : mapping of str to NodeScore
        What the panel's table was made of; empty where the score is known as a whole only.
    feasible : bool
        Whether no hard constraint is broken.
    tie : float, optional
        What decides between equal values, so that more is better; None where nobody reported it.
    """

    rung: int
    rounds: int
    value: float | None
    values: Mapping[str, float] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    by_node: Mapping[str, NodeScore] = field(default_factory=dict)
    feasible: bool = True
    tie: float | None = None

    @cached_property
    def comparable(self) -> ByNode:
        """By node that has one the value and the examples behind it: scores are compared by these."""
        if not self.by_node:
            return {} if self.value is None else {"": (self.value, 1)}
        return {name: (score.value, score.examples) for name, score in self.by_node.items() if score.value is not None}

    @cached_property
    def ties(self) -> ByNode:
        """By node that reported it what decides between equal values, as `comparable`; empty where nobody did."""
        if not self.by_node:
            return {} if self.tie is None else {"": (self.tie, 1)}
        return {name: (score.tie, score.examples) for name, score in self.by_node.items() if score.tie is not None}

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "rung": self.rung,
            "rounds": self.rounds,
            "value": self.value,
            "values": dict(self.values),
            "metrics": dict(self.metrics),
            "by_node": {name: score.to_json() for name, score in sorted(self.by_node.items())},
            "feasible": self.feasible,
            "tie": self.tie,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Score:
        """Build from what `to_json` wrote."""
        by_node = {name: NodeScore(*row) for name, row in values["by_node"].items()}
        return cls(**{**values, "by_node": by_node})
