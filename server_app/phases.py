"""One step of one trial: a round of training on some nodes, or a score from the panel.

A phase knows which nodes still owe a result, takes results one by one as they come, and has an
outcome once nobody owes one: because all answered, or because those who did not are left out.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from common.errors import ProtocolError, SearchError
from common.metrics import summarise

if TYPE_CHECKING:
    from common.jobs import Action, Result, Weights
    from server_app.aggregation.base import Aggregation

NodeScore = tuple[dict[str, float], int]
"""One node's metrics, and the number of examples behind them."""


class Phase(ABC):
    """What a trial waits for.

    Parameters
    ----------
    action : {"train", "score", "score_all", "test"}
        What the nodes are asked to do.
    round : int
        The trial's round that the request belongs to.
    nodes : iterable of str
        Who is asked.
    turn : int
        When the phase began, as the search counts; the oldest come first.

    Attributes
    ----------
    waiting : set of str
        Nodes whose job was not sent yet, or came back undone.
    sent : dict of str to float
        Nodes that owe a result, and until when: each has a whole deadline from when its job was handed out.
    left_out : dict of str to str
        Nodes that give no result, with the reason.
    undecided : set of str
        Those among them that say nothing against the spec: they were silent, or turned out to be too small for it.
        Another try may do better.
    asked : bool
        Whether any job was handed out.
    """

    def __init__(self, action: Action, round: int, nodes: Iterable[str], turn: int) -> None:
        self.action = action
        self.round = round
        self.nodes = tuple(sorted(nodes))
        self.turn = turn
        self.waiting = set(self.nodes)
        self.sent: dict[str, float] = {}
        self.left_out: dict[str, str] = {}
        self.undecided: set[str] = set()
        self.asked = False

    @property
    def complete(self) -> bool:
        """Whether nobody owes a result any more."""
        return not self.waiting and not self.sent

    @property
    @abstractmethod
    def short(self) -> bool:
        """Whether there are too few results for an outcome."""

    def hand_out(self, node: str, deadline: float) -> None:
        """Note that the job of a node that waited for it is on its way."""
        self.waiting.remove(node)
        self.sent[node] = deadline
        self.asked = True

    def hand_back(self, node: str) -> None:
        """Note that a node returned its job undone; it waits for it again."""
        del self.sent[node]
        self.waiting.add(node)

    def late(self, now: float) -> list[str]:
        """Return the nodes whose deadline has passed, sorted."""
        return sorted(node for node, deadline in self.sent.items() if deadline <= now)

    def take(self, node: str, result: Result) -> None:
        """Take the result of one node; raises `ProtocolError`, and leaves the node out, where it makes no sense."""
        self._release(node)
        try:
            if result.status == "refused":
                self.undecided.add(node)
            if result.status != "done":
                raise ProtocolError(result.reason or f"The job is {result.status}")
            self._take(node, result)
        except ProtocolError as error:
            self.left_out[node] = str(error)
            raise

    def leave_out(self, node: str, reason: str, *, undecided: bool = False) -> None:
        """Go on without one node; `undecided` where that says nothing against the spec."""
        self._release(node)
        self.left_out[node] = reason
        if undecided:
            self.undecided.add(node)

    def why_nobody(self) -> str:
        """Say in one sentence why no node gave a usable result."""
        reasons = sorted({reason.rstrip(".") for reason in self.left_out.values()})
        return f"none of {len(self.nodes)} nodes gave a usable result: {'; '.join(reasons[:3])}"

    def _release(self, node: str) -> None:
        self.waiting.discard(node)
        self.sent.pop(node, None)

    @abstractmethod
    def _take(self, node: str, result: Result) -> None:
        """Fold one result in."""


class TrainPhase(Phase):
    """A round of training; the outcome is the aggregate of the updates."""

    def __init__(self, round: int, nodes: Iterable[str], turn: int, aggregation: Aggregation, weights: Weights) -> None:
        super().__init__("train", round, nodes, turn)
        self._aggregation = aggregation
        self._losses: dict[str, tuple[float, int]] = {}
        aggregation.begin(weights)

    def _take(self, node: str, result: Result) -> None:
        if result.update is None:
            raise ProtocolError("A training result must carry an update")
        loss = result.metrics.get("loss", 0.0)
        if not math.isfinite(loss):
            raise ProtocolError("A training loss must be finite", loss)
        self._aggregation.add(node, result.update, result.num_examples, result.metrics)
        self._losses[node] = (loss, result.num_examples)

    @property
    def short(self) -> bool:
        """Whether fewer updates came than the aggregation needs."""
        return len(self._losses) < self._aggregation.minimum

    @property
    def loss(self) -> float:
        """Mean training loss of the nodes, weighted by examples."""
        return _weighted(self._losses)

    def outcome(self) -> Weights:
        """Return the new weights; raises `SearchError` where there are none."""
        if not self._losses:
            raise SearchError(f"Round {self.round} failed, {self.why_nobody()}")
        return self._aggregation.result()


class ScorePhase(Phase):
    """A score from the panel; the outcome is the metrics' mean and spread over its nodes.

    Parameters
    ----------
    min_nodes : int
        A score from fewer does not count.
    scores : dict
        What nodes of the panel gave in an earlier try: the metrics and the number of examples behind them.
    others
        As in `Phase`.
    """

    def __init__(
        self,
        action: Action,
        round: int,
        nodes: Iterable[str],
        turn: int,
        min_nodes: int,
        scores: Mapping[str, NodeScore] = MappingProxyType({}),
    ) -> None:
        super().__init__(action, round, nodes, turn)
        self._min_nodes = min_nodes
        self.scores: dict[str, NodeScore] = dict(scores)

    @property
    def short(self) -> bool:
        """Whether fewer nodes scored than count."""
        return len(self.scores) < self._min_nodes

    def _take(self, node: str, result: Result) -> None:
        if result.num_examples < 1 or "accuracy" not in result.metrics:
            raise ProtocolError("A score must carry an accuracy over at least 1 example", result.num_examples)
        bad = {name: value for name, value in result.metrics.items() if not math.isfinite(value)}
        if bad or not 0 <= result.metrics["accuracy"] <= 1:
            raise ProtocolError("A score must be finite, and an accuracy lie in [0, 1]", bad or dict(result.metrics))
        self.scores[node] = (dict(result.metrics), result.num_examples)

    def outcome(self) -> dict[str, float]:
        """Return the panel's metrics; raises `SearchError` where too few nodes scored."""
        if self.short:
            reason = self.why_nobody() if not self.scores else f"left out: {sorted(self.left_out)}"
            raise SearchError(
                f"A score needs scoring.min_nodes={self._min_nodes} nodes, but {len(self.scores)} gave one ({reason})"
            )
        return panel_metrics(self.scores)


def panel_metrics(scores: Mapping[str, NodeScore]) -> dict[str, float]:
    """Fold the scores of nodes (or of people) into one table, in name order.

    Parameters
    ----------
    scores : dict
        By name: the metrics and the number of examples behind them.

    Returns
    -------
    dict of str to float
        Each metric's mean weighted by examples; ``accuracy_std`` (standard deviation) and
        ``accuracy_worst_decile`` over the names; ``nodes`` and ``examples``.
    """
    names = sorted(scores)
    sizes = [scores[name][1] for name in names]
    common = set.intersection(*(set(scores[name][0]) for name in names))
    table: dict[str, float] = {}
    for metric in sorted(common):
        summary = summarise([scores[name][0][metric] for name in names], sizes)
        table[metric] = summary["mean"]
        if metric == "accuracy":
            table["accuracy_std"] = summary["std"]
            table["accuracy_worst_decile"] = summary["worst_decile"]
    return {**table, "nodes": float(len(names)), "examples": float(sum(sizes))}


def _weighted(values: dict[str, tuple[float, int]]) -> float:
    total = sum(size for _, size in values.values())
    if not total:
        return math.nan
    return math.fsum(values[name][0] * values[name][1] for name in sorted(values)) / total
