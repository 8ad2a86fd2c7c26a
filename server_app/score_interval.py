"""Between which numbers the score of a test lies that was taken on others of the same kind: a bootstrap interval.

Where at least `MANY` nodes (or people of a test set) were tested, these are drawn with replacement, and the interval
holds the middle 95 % of the scores of such draws: the percentile interval of B. Efron & R. J. Tibshirani, "An
Introduction to the Bootstrap", Chapman & Hall 1993, chapter 13. It tells what to expect of other nodes, and needs
nothing from a node but its score. Of fewer that says little, so each tells the standard error over its own examples,
see `common.tasks.bootstrap`, and the interval is the score and 1.96 standard errors to both sides (their chapter 12),
within what the metric can be: what to expect of other examples of the same nodes.

Over seeds the mean score has the interval: other nodes and other examples are meant, not other seeds, whose spread is
told beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import numpy as np

from common.seeding import generator
from common.tasks import Head
from common.tasks.base import ERROR
from server_app.scores import NodeScore, Score

MANY = 10
"""Nodes or people, from which on these are drawn, and not the examples of each."""

_ENDS = (0.025, 0.975)
_NORMAL = 1.959964
"""What the absolute value of a normal number exceeds in 1 of 20 cases."""


@dataclass(frozen=True)
class ScoreInterval:
    """Where a score would lie on others.

    Parameters
    ----------
    metric : str
        The head's own.
    low, high : float
        Ends of the 95 % interval.
    over : {"nodes", "examples"}
        What would be others: nodes (or people), or examples within the same ones.
    number : int
        How many of these were tested.
    """

    metric: str
    low: float
    high: float
    over: str
    number: int

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def interval_of(tests: Sequence[Score], head: Head, replicates: int, seed: int) -> ScoreInterval | None:
    """Return the interval of the mean score over tests of one model; None where nothing tells of one.

    Parameters
    ----------
    tests : sequence of Score
        One a seed.
    head : Head
        Of the task; the metric is its primary one.
    replicates : int
        Draws; 0: none are wanted.
    seed : int
        The run's: all models are judged by the same draws.
    """
    if not replicates or not tests:
        return None
    names = sorted(set.intersection(*(set(test.by_node) for test in tests)))
    nodes = {name: [test.by_node[name] for test in tests] for name in names}
    if not all(head.ranges.keys() <= one.metrics.keys() for own in nodes.values() for one in own):
        return None  # no score of this head
    weights = {name: tests[0].weight_of(name) for name in names}
    if len(nodes) >= MANY and (found := _over_nodes(nodes, weights, head, replicates, seed)) is not None:
        return found
    return _over_examples(nodes, weights, tests, head)


def _over_nodes(
    nodes: Mapping[str, Sequence[NodeScore]], weights: Mapping[str, int], head: Head, replicates: int, seed: int
) -> ScoreInterval | None:
    """Draw nodes; those that lack the metric are left out, where it is not made of others that all have."""
    primary = head.primary[0]
    for kept in (nodes, {name: own for name, own in nodes.items() if all(primary in one.metrics for one in own)}):
        if len(kept) < MANY:
            return None
        metrics = _shared(kept)
        values = np.array([[fmean(one.metrics[name] for one in own) for name in metrics] for own in kept.values()])
        own = np.array([weights[name] for name in kept])
        if primary not in _table(head, dict(zip(metrics, values.mean(axis=0).tolist(), strict=True))):
            continue
        drawn = generator(seed, "intervals").multinomial(len(kept), np.full(len(kept), 1 / len(kept)), replicates)
        times = drawn * own
        means = times @ values / times.sum(axis=1, keepdims=True)
        tables = (_table(head, dict(zip(metrics, row, strict=True))) for row in means.tolist())
        scores = [table[primary] for table in tables if primary in table]
        if len(scores) > 1:
            low, high = np.quantile(scores, _ENDS).tolist()
            return ScoreInterval(primary, low, high, "nodes", len(kept))
    return None


def _over_examples(
    nodes: Mapping[str, Sequence[NodeScore]], weights: Mapping[str, int], tests: Sequence[Score], head: Head
) -> ScoreInterval | None:
    """Put the standard errors of all nodes that have the metric together: those of a mean of independent numbers."""
    name, primary = head.resampled, head.primary[0]
    kept = {node: own for node, own in nodes.items() if all(name in one.metrics for one in own)}
    if not kept or not all(name + ERROR in one.metrics for own in kept.values() for one in own):
        return None
    total = sum(weights[node] for node in kept)
    error = fmean(
        math.hypot(*(weights[node] * own[run].metrics[name + ERROR] for node, own in kept.items())) / total
        for run in range(len(tests))
    )
    shared = {each: fmean(test.metrics[each] for test in tests) for each in _shared(kept) if each in tests[0].metrics}
    low, high = {**head.ranges, **head.may_have}.get(name, (-math.inf, math.inf))
    ends = [min(max(shared[name] + side * _NORMAL * error, low), high) for side in (-1, 1)]
    tables = [_table(head, {**shared, name: end}) for end in ends]
    if not all(primary in table for table in tables):
        return None
    low, high = sorted(table[primary] for table in tables)
    return ScoreInterval(primary, low, high, "examples", sum(own[0].examples for own in kept.values()))


def _shared(nodes: Mapping[str, Sequence[NodeScore]]) -> list[str]:
    """Return the metrics that all scores have."""
    return sorted(set.intersection(*(set(one.metrics) for own in nodes.values() for one in own)))


def _table(head: Head, means: Mapping[str, float]) -> dict[str, float]:
    """Return what a head makes of means over nodes: of some metrics others follow."""
    return head.summarise({"": (means, 1)})
