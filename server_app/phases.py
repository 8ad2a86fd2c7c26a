"""One step of one trial: a round of training on some nodes, or a score from the panel.

A phase knows which nodes still owe a result, takes results one by one as they come, and is complete
once nobody owes one: because all answered, or because those who did not are left out.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from common.errors import ProtocolError, SearchError
from common.metrics import Measured
from server_app.reporting.words import counted
from server_app.scores import table_of
from server_app.weights.base import joined

if TYPE_CHECKING:
    from common.jobs import Result, Work
    from common.tasks import Head
    from server_app.aggregation.base import Aggregation


class Phase(ABC):
    """What a trial waits for.

    Parameters
    ----------
    work : Work
        What the nodes are asked to do.
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

    def __init__(self, work: Work, nodes: Iterable[str], turn: int) -> None:
        self.work = work
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
        """Whether there are too few results."""

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
        nobody = "the one node gave no" if len(self.nodes) == 1 else f"none of {len(self.nodes)} nodes gave a"
        return f"{nobody} usable result: {'; '.join(reasons[:3])}"

    def _release(self, node: str) -> None:
        self.waiting.discard(node)
        self.sent.pop(node, None)

    @abstractmethod
    def _take(self, node: str, result: Result) -> None:
        """Fold one result in."""


class TrainPhase(Phase):
    """A round of training, whose updates are folded into an aggregation as they come.

    Parameters
    ----------
    aggregation : Aggregation
        Its round has begun.
    others
        As in `Phase`.
    """

    def __init__(self, work: Work, nodes: Iterable[str], turn: int, aggregation: Aggregation) -> None:
        super().__init__(work, nodes, turn)
        self._aggregation = aggregation
        self._losses: dict[str, tuple[float, int]] = {}

    def _take(self, node: str, result: Result) -> None:
        if not result.arrays:
            raise ProtocolError("A training result must carry an update")
        loss = result.metrics.get("loss", 0.0)
        if not math.isfinite(loss):
            raise ProtocolError("A training loss must be finite", loss)
        self._aggregation.add(node, joined(result.arrays), result.num_examples, result.metrics)
        self._losses[node] = (loss, result.num_examples)

    @property
    def short(self) -> bool:
        """Whether fewer updates came than the aggregation needs."""
        return len(self._losses) < self._aggregation.minimum

    @property
    def loss(self) -> float:
        """Mean training loss of the nodes, weighted by examples."""
        return weighted(self._losses)

    def check(self) -> None:
        """Raise `SearchError` where nobody trained."""
        if not self._losses:
            raise SearchError(f"Round {self.work.round} failed, {self.why_nobody()}")


class ScorePhase(Phase):
    """A score from the panel.

    Parameters
    ----------
    head : Head
        Says what a score must hold, and what the panel's table is.
    min_nodes : int
        A score from fewer does not count.
    scores : dict
        What nodes of the panel gave in an earlier try: the metrics and the number of examples behind them.
    equally : bool
        Whether each node weighs alike; else by its examples.
    others
        As in `Phase`.
    """

    def __init__(
        self,
        work: Work,
        nodes: Iterable[str],
        turn: int,
        head: Head,
        min_nodes: int,
        scores: Mapping[str, Measured] = MappingProxyType({}),
        equally: bool = False,
    ) -> None:
        super().__init__(work, nodes, turn)
        self._head = head
        self._min_nodes = min_nodes
        self._equally = equally
        self.scores: dict[str, Measured] = dict(scores)

    @property
    def short(self) -> bool:
        """Whether fewer nodes scored than count."""
        return len(self.scores) < self._min_nodes

    def _take(self, node: str, result: Result) -> None:
        self._head.check_metrics(result.metrics, result.num_examples)
        self.scores[node] = (dict(result.metrics), result.num_examples)

    def table(self) -> dict[str, float]:
        """Return the panel's metrics; raises `SearchError` where too few nodes scored."""
        if self.short:
            reason = self.why_nobody() if not self.scores else f"left out: {sorted(self.left_out)}"
            raise SearchError(
                f"A score needs scoring.min_nodes={counted(self._min_nodes, 'node')}, but {len(self.scores)} gave one "
                f"({reason})"
            )
        return table_of(self._head, self.scores, equally=self._equally)


def weighted(values: dict[str, tuple[float, int]]) -> float:
    """Return the mean of what nodes gave, weighted by the number that stands beside it; NaN where these are 0."""
    total = sum(size for _, size in values.values())
    if not total:
        return math.nan
    return math.fsum(values[name][0] * values[name][1] for name in sorted(values)) / total
