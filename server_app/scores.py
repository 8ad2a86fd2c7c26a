"""Scores: what a trial was worth at a rung, on the whole and node by node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from server_app.comparison import WHOLE, ByNode

if TYPE_CHECKING:
    from common.architecture.cost import Cost
    from common.metrics import Measured
    from common.tasks import Head
    from server_app.objectives.base import Objectives


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
    further : tuple of float or None
        As `value`, of the other objectives in which trials are compared; None of what no node can tell for itself.
    """

    metrics: Mapping[str, float]
    examples: int
    value: float | None
    tie: float | None = None
    further: tuple[float | None, ...] = ()

    def to_json(self) -> list[Any]:
        """Return plain JSON values."""
        return [
            dict(self.metrics),
            self.examples,
            self.value,
            self.tie,
            *([list(self.further)] if self.further else []),
        ]

    @classmethod
    def from_json(cls, row: Sequence[Any]) -> NodeScore:
        """Build from what `to_json` wrote."""
        metrics, examples, value, tie, *further = row
        return cls(metrics, examples, value, tie, *map(tuple, further))


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
    further : tuple of float
        As `value`, of the other objectives in which trials are compared; none where there is one objective.
    violation : float
        By how much hard constraints are broken, see `Objectives.violation`; 0 where it is `feasible`.
    equally : bool
        Whether each node weighs alike where scores are compared; else by its examples.
    """

    rung: int
    rounds: int
    value: float | None
    values: Mapping[str, float] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    by_node: Mapping[str, NodeScore] = field(default_factory=dict)
    feasible: bool = True
    tie: float | None = None
    further: tuple[float, ...] = ()
    violation: float = 0.0
    equally: bool = False

    def weight_of(self, name: str) -> int:
        """Return what a node weighs where scores are compared."""
        return 1 if self.equally else self.by_node[name].examples

    @cached_property
    def comparable(self) -> ByNode:
        """By node that has one the value and its weight, most often its examples: scores are compared by these.

        Of what no node has for itself, as of the spread over nodes, there is the whole alone.
        """
        by_node = {
            name: (one.value, self.weight_of(name)) for name, one in self.by_node.items() if one.value is not None
        }
        return by_node or ({} if self.value is None else {WHOLE: (self.value, 1)})

    @cached_property
    def terms(self) -> tuple[ByNode, ...]:
        """Of each objective in which trials are compared what `comparable` is of the first."""
        return (self.comparable, *map(self._further, range(len(self.further))))

    @property
    def broken(self) -> tuple[bool, float]:
        """Whether a hard constraint is broken, and by how much all are."""
        return not self.feasible, self.violation

    @cached_property
    def ties(self) -> ByNode:
        """By node that reported it what decides between equal values, as `comparable`; empty where nobody did."""
        if not self.by_node:
            return {} if self.tie is None else {WHOLE: (self.tie, 1)}
        return {n: (one.tie, self.weight_of(n)) for n, one in self.by_node.items() if one.tie is not None}

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
            **({"further": list(self.further)} if self.further else {}),
            **({"violation": self.violation} if self.violation else {}),
            **({"equally": True} if self.equally else {}),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Score:
        """Build from what `to_json` wrote."""
        by_node = {name: NodeScore.from_json(row) for name, row in values["by_node"].items()}
        return cls(**{**values, "by_node": by_node, "further": tuple(values.get("further", ()))})

    def _further(self, place: int) -> ByNode:
        found = {n: (one.further[place], self.weight_of(n)) for n, one in self.by_node.items() if one.further}
        by_node = {name: (value, weight) for name, (value, weight) in found.items() if value is not None}
        return by_node or {WHOLE: (self.further[place], 1)}


class Worth(NamedTuple):
    """What a table is worth: `value`, `values` and `further` as of `Score`."""

    value: float | None
    values: Mapping[str, float]
    further: tuple[float, ...]


def score_of(
    objectives: Objectives,
    worth: Worth,
    table: Mapping[str, float],
    by_node: Mapping[str, Measured],
    cost: Cost,
    *,
    rung: int,
    rounds: int,
    equally: bool,
) -> Score:
    """Return the score of a trial.

    Parameters
    ----------
    objectives : Objectives
        What a score is.
    worth : Worth
        What the table is worth.
    table : mapping of str to float
        The panel's.
    by_node : mapping of str to Measured
        What the table was made of.
    cost : Cost
        Of the trial.
    rung, rounds, equally
        As of `Score`.
    """
    violation = objectives.violation(table, cost)
    return Score(
        rung,
        rounds,
        worth.value,
        worth.values,
        table,
        {name: _node_score(objectives, metrics, examples, cost) for name, (metrics, examples) in by_node.items()},
        violation == 0,
        objectives.tie(table),
        worth.further,
        violation,
        equally,
    )


def _node_score(objectives: Objectives, metrics: Mapping[str, float], examples: int, cost: Cost) -> NodeScore:
    value = objectives.ranking_value(metrics, cost) if objectives.ranks(metrics) else None
    return NodeScore(metrics, examples, value, objectives.tie(metrics), objectives.further_on_node(metrics))


def table_of(head: Head, scores: Mapping[str, Measured], *, equally: bool) -> dict[str, float]:
    """Return the panel's table of what nodes gave, see `Head.summarise`: by examples, or each node alike."""
    if not equally:
        return head.summarise(scores)
    alike = head.summarise({name: (metrics, 1) for name, (metrics, _) in scores.items()})
    return {**alike, "examples": float(sum(examples for _, examples in scores.values()))}
