"""Zero-cost scores of the nodes: taken one by one, and averaged whatever the order in which they come."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from common.errors import ProtocolError
from common.metrics import Measured, summarise
from common.models.proxies import OF_NETWORK
from server_app.phases import Phase

if TYPE_CHECKING:
    from common.jobs import Result, Work


class ProxyPhase(Phase):
    """One spec, scored by all nodes without training.

    Parameters
    ----------
    work : Work
        Of kind ``proxy``; a mini-batch is of the size of its recipe at most.
    min_examples : int
        Scores of fewer examples do not count.
    scores : mapping
        What nodes gave in an earlier try: the scores by name, and the examples behind them.
    others
        As in `Phase`.
    """

    def __init__(
        self,
        work: Work,
        nodes: Iterable[str],
        turn: int,
        min_examples: int,
        scores: Mapping[str, Measured] = MappingProxyType({}),
    ) -> None:
        super().__init__(work, nodes, turn)
        self._min_examples = min_examples
        self.scores: dict[str, Measured] = dict(scores)

    @property
    def short(self) -> bool:
        """Whether nobody gave a score."""
        return not self.scores

    def _take(self, node: str, result: Result) -> None:
        check_scores(result, self._min_examples, self.work.training.batch_size)
        self.scores[node] = (dict(result.metrics), result.num_examples)


def check_scores(result: Result, least: int, most: int) -> None:
    """Raise `ProtocolError` unless a node's result of a proxy job makes sense.

    Parameters
    ----------
    result : Result
        That is done.
    least, most : int
        Examples that a mini-batch may have: they are the node's weight in the mean.
    """
    if result.arrays:
        raise ProtocolError("A result of a proxy job has no arrays", sorted(result.arrays))
    if not result.metrics:
        raise ProtocolError(result.reason.rstrip(".") or "A result of a proxy job has a score or the reason why not")
    if unknown := sorted(set(result.metrics) - set(OF_NETWORK)):
        raise ProtocolError(f"The scores of a proxy job are {', '.join(OF_NETWORK)}", unknown)
    if bad := {name: value for name, value in result.metrics.items() if not math.isfinite(value)}:
        raise ProtocolError("A score must be finite", bad)
    if not least <= result.num_examples <= most:
        raise ProtocolError(f"A mini-batch has {least} to {most} examples", result.num_examples)


def averaged(by_node: Mapping[str, Measured]) -> dict[str, float]:
    """Return the mean of each score over the nodes that have it, weighted by their examples.

    Parameters
    ----------
    by_node : mapping
        By name: the scores by name, and the examples behind them. Their order plays no part.

    Returns
    -------
    dict of str to float
        By name, in the order of `OF_NETWORK`; without those that no node has.
    """
    means = {}
    for name in OF_NETWORK:
        if having := [(scores[name], examples) for scores, examples in by_node.values() if name in scores]:
            values, weights = zip(*having, strict=True)
            means[name] = summarise(values, weights)["mean"]
    return means


def counts(by_node: Mapping[str, Measured]) -> dict[str, int]:
    """Return how many nodes each mean of `averaged` is over."""
    return {name: number for name in OF_NETWORK if (number := sum(name in scores for scores, _ in by_node.values()))}
