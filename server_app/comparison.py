"""Scores that compare, where not every trial was scored by the same nodes.

Nodes differ: one has easy data, another hard. A trial that misses the hard node's score would win by its absence. So
scores are taken as sums of what the trial and what the node contributes,

    y[t, n] = a[t] + b[n] + noise,

fitted by least squares weighted by examples, and a trial counts as what it would have scored on all nodes: the means
of a two-way table with empty cells (S. R. Searle, "Linear Models for Unbalanced Data", Wiley 1987, chapter 4). Where
nothing is missing that is the plain mean. Two trials differ by exactly their mean difference over the nodes that both
have in common; several are in one order, which pairs alone would not give.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.metrics import summarise

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
ByNode = Mapping[str, tuple[float, int]]
"""By name of a node: a score, and the examples behind it (at least 1)."""

WHOLE = ""
"""In place of a node's name, of a score that is known on the whole only."""

Standing = tuple[float, float]
"""What a trial is worth among others, and what decides where that is equal; more is better."""

_DIGITS = 10
"""Of a score; the rest is noise of the arithmetic, which must not break a tie."""


def standings(values: Sequence[ByNode], ties: Sequence[ByNode]) -> list[Standing]:
    """Return by what trials are ranked: their values, and where these are equal, what decides a tie.

    Both are compared over common nodes, each for itself.

    Parameters
    ----------
    values : sequence of mappings
        As `over_common_nodes` takes them.
    ties : sequence of mappings
        The same of what decides a tie; one may be empty, and then loses every tie.

    Returns
    -------
    list of tuple of float
        In the order of `values`.
    """
    having = [index for index, by_node in enumerate(ties) if by_node]
    found = dict(zip(having, over_common_nodes([ties[index] for index in having]), strict=True))
    return [(value, found.get(index, -math.inf)) for index, value in enumerate(over_common_nodes(values))]


def by_node_from_json(values: Mapping[str, Sequence[Any]]) -> ByNode:
    """Read the scores of nodes as JSON has them."""
    return {name: (score, examples) for name, (score, examples) in values.items()}


def mean_by_node(scores: Sequence[ByNode]) -> ByNode:
    """Return by node the mean of its scores, of the nodes that have them all, with the examples of the first."""
    common = set.intersection(*(set(score) for score in scores)) if scores else set()
    return {name: (fmean(score[name][0] for score in scores), scores[0][name][1]) for name in sorted(common)}


def over_common_nodes(scores: Sequence[ByNode]) -> list[float]:
    """Return one comparable score for each trial.

    Parameters
    ----------
    scores : sequence of mappings
        Of each trial, by node; none is empty.

    Returns
    -------
    list of float
        In the order of `scores`. Trials that share no node with any other, not even through third ones, keep the mean
        of their own.
    """
    if len({frozenset(by_node) for by_node in scores}) <= 1:
        return _rounded([_mean(by_node) for by_node in scores], scores)
    names = sorted({name for by_node in scores for name in by_node})
    values = np.array([[by_node.get(name, (0.0, 0))[0] for name in names] for by_node in scores])
    weights = np.array([[float(by_node.get(name, (0.0, 0))[1]) for name in names] for by_node in scores])
    trial_part, node_part = _additive_fit(values, weights)
    sizes = weights.max(axis=0)  # however many trials a node scored
    fitted = [
        float(a + np.average(node_part[nodes], weights=sizes[nodes]))
        for a, nodes in zip(trial_part, _reached(weights > 0), strict=True)
    ]
    return _rounded(fitted, scores)


def _rounded(fitted: Sequence[float], scores: Sequence[ByNode]) -> list[float]:
    """Round to the digits that count among scores of this size; the median, since one model may nearly diverge."""
    usual = median([abs(score) for by_node in scores for score, _ in by_node.values()] or [0.0])
    return [round(value, _DIGITS - 1 - _exponent(max(abs(value), usual))) for value in fitted]


def _exponent(number: float) -> int:
    return math.floor(math.log10(number)) if number else 0


def _mean(by_node: ByNode) -> float:
    pairs = list(by_node.values())
    if len(pairs) == 1:
        return pairs[0][0]
    return summarise([score for score, _ in pairs], [examples for _, examples in pairs])["mean"]


def _additive_fit(values: Matrix, weights: Matrix) -> tuple[Vector, Vector]:
    """Return `a` and `b` that minimize ``sum w[t, n] (y[t, n] - a[t] - b[n])^2``; `b` is eliminated."""
    rows, columns = weights.sum(axis=1), weights.sum(axis=0)
    row_sums, column_sums = (weights * values).sum(axis=1), (weights * values).sum(axis=0)
    left = np.diag(rows) - weights @ (weights / columns).T
    a = np.linalg.lstsq(left, row_sums - weights @ (column_sums / columns), rcond=None)[0]
    return a, (column_sums - weights.T @ a) / columns


def _reached(scored: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Return for each trial the nodes that it is compared over: its own, and those of whoever shares one, and so on."""
    found = []
    for own in scored:
        nodes, size = own, 0
        while nodes.sum() > size:
            size = int(nodes.sum())
            nodes = scored[(scored & nodes).any(axis=1)].any(axis=0)
        found.append(nodes)
    return found
