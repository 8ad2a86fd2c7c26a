"""Models of the nodes' own: what each found is taken one by one, and summed up over those that can be compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from common.errors import ProtocolError
from common.metrics import summarise
from common.personal import WAYS, Verdict, oriented
from server_app.phases import Phase
from server_app.scores import table_of

if TYPE_CHECKING:
    from common.jobs import Result, Split, Work
    from common.metrics import Measured
    from common.tasks import Head

KEPT = "kept"
"""Beside `WAYS`: on each node what it keeps."""


class PersonalPhase(Phase):
    """All nodes make a model of their own of the winner.

    Parameters
    ----------
    work : Work
        Of kind ``personal``.
    head : Head
        Says what a score must hold.
    held : callable
        From a node's name and a split: how many such examples it has.
    others
        As in `Phase`.

    Attributes
    ----------
    verdicts : dict of str to Verdict
        By node, what it found.
    notes : dict of str to str
        By node that lacks something, what that is.
    """

    def __init__(
        self, work: Work, nodes: Iterable[str], turn: int, head: Head, held: Callable[[str, Split], float]
    ) -> None:
        super().__init__(work, nodes, turn)
        self._head = head
        self._held = held
        self.verdicts: dict[str, Verdict] = {}
        self.notes: dict[str, str] = {}

    @property
    def short(self) -> bool:
        """Whether nobody found anything."""
        return not self.verdicts

    def _take(self, node: str, result: Result) -> None:
        if result.arrays:
            raise ProtocolError("A model of a node's own stays there", sorted(result.arrays))
        verdict = Verdict.from_metrics(result.metrics, self._head)
        splits: tuple[tuple[Split, int], ...] = (("validation", verdict.num_validation), ("test", verdict.num_test))
        for split, number in splits:
            if number > self._held(node, split):
                raise ProtocolError(f"A node must not claim more {split} examples than it said it holds", number)
        self.verdicts[node] = verdict
        if result.reason:
            self.notes[node] = result.reason


def tables(
    verdicts: Mapping[str, Verdict], split: str, head: Head, *, equally: bool = False
) -> dict[str, dict[str, float]]:
    """Return what the ways, and what is kept, come to over the nodes, as scores do.

    Parameters
    ----------
    verdicts : mapping of str to Verdict
        By node; their order plays no part.
    split : {"validation", "test"}
        On which examples.
    head : Head
        Of the task.
    equally : bool
        Whether each node weighs alike; else by its examples.

    Returns
    -------
    dict of str to dict
        By way, then `KEPT`: the table of `Head.summarise` over the nodes that have all ways which any node has, so that
        the columns are of the same nodes; empty where there is no such node.
    """
    found = {name: of_split(verdict, split) for name, verdict in verdicts.items()}
    there = [way for way in WAYS if any(way in ways for ways, _ in found.values())]
    comparable = {name: pair for name, pair in found.items() if there and all(way in pair[0] for way in there)}
    if not comparable:
        return {}

    def table(way_of: Callable[[str], str]) -> dict[str, float]:
        scores: dict[str, Measured] = {name: (ways[way_of(name)], size) for name, (ways, size) in comparable.items()}
        return table_of(head, scores, equally=equally)

    columns = {way: table(lambda _, way=way: way) for way in there}  # type: ignore[misc]
    return {**columns, KEPT: table(lambda name: verdicts[name].kept)}


def gain_of_kept(
    verdicts: Mapping[str, Verdict], split: str, head: Head, *, equally: bool = False
) -> dict[str, Any] | None:
    """Return what nodes gain by what they keep over the common model, in the primary metric.

    Parameters
    ----------
    verdicts, split, head, equally
        As of `tables`.

    Returns
    -------
    dict, optional
        How many nodes are ``better``, ``worse`` and the ``same``; by how much those are, ``mean_better`` and
        ``mean_worse``; over all of them the ``mean``, weighted as scores are, the ``worst_decile`` and the number of
        ``nodes``. More is better, whatever the metric. None where no node has both.
    """
    metric, better = head.primary
    gains: dict[str, tuple[float, int]] = {}
    for name, verdict in verdicts.items():
        ways, size = of_split(verdict, split)
        if metric in ways.get("common", {}) and metric in ways.get(verdict.kept, {}):
            kept, common = (oriented(ways[way], metric, better) for way in (verdict.kept, "common"))
            gains[name] = kept - common, size
    if not gains:
        return None
    values = [gain for gain, _ in gains.values()]
    total = summarise(values, [1 if equally else size for _, size in gains.values()])
    up, down = [value for value in values if value > 0], [value for value in values if value < 0]
    return {
        "metric": metric,
        "split": split,
        "nodes": len(values),
        "better": len(up),
        "worse": len(down),
        "same": len(values) - len(up) - len(down),
        "mean_better": math.fsum(up) / len(up) if up else 0.0,
        "mean_worse": math.fsum(down) / len(down) if down else 0.0,
        "mean": total["mean"],
        "worst_decile": total["worst_decile"],
    }


def of_split(verdict: Verdict, split: str) -> tuple[Mapping[str, Mapping[str, float]], int]:
    """Return the metrics by way on one split, and the examples behind them."""
    if split == "test":
        return verdict.test, verdict.num_test
    return verdict.validation, verdict.num_validation


def counts_of_kept(verdicts: Collection[Verdict]) -> dict[str, int]:
    """Return how many nodes keep which way."""
    return {way: sum(verdict.kept == way for verdict in verdicts) for way in WAYS}
