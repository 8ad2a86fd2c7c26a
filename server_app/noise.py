"""Whether two trials can be told apart: their difference, and how far it may be off by chance.

Two trials are scored by the same nodes, so what a node has that is easy or hard cancels in the difference of its two
scores. What is left differs from node to node, and that spread is the noise of the mean difference.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable

from server_app.comparison import ByNode


def difference(one: ByNode, other: ByNode) -> tuple[float, float]:
    """Return by how much `one` scores above `other`, and the standard error of that.

    Of the differences d[n] on the nodes that both have, with weights w[n] that sum to 1,

        mean = sum w[n] d[n],    error^2 = N / (N - 1) sum w[n]^2 (d[n] - mean)^2,

    the ratio estimator of W. G. Cochran, "Sampling Techniques", 3rd edition, Wiley 1977, equation 6.13, for weighted
    means; D. F. Gatz and L. Smith, "The standard error of a weighted mean concentration", Atmospheric Environment 29,
    1995, found it to agree best with the bootstrap. With equal weights it is that of a paired t-test. The weights go
    with ``e f / (e + f)``, e and f being the examples of the two on the node: as `over_common_nodes` fits two trials.

    Parameters
    ----------
    one, other : mapping
        By name of a node: a score, and the examples behind it.

    Returns
    -------
    float
        The mean difference, in the unit of the scores; 0 where no node is in common.
    float
        Its standard error in the same unit; infinite where fewer than 2 nodes are in common, which says nothing.
    """
    names = sorted(one.keys() & other.keys())
    gaps = [one[name][0] - other[name][0] for name in names]
    sizes = [one[name][1] * other[name][1] / (one[name][1] + other[name][1]) for name in names]
    if not names:
        return 0.0, math.inf
    total = math.fsum(sizes)
    weights = [size / total for size in sizes]
    mean = math.fsum(weight * gap for weight, gap in zip(weights, gaps, strict=True))
    if len(names) == 1:
        return mean, math.inf
    spread = math.fsum((weight * (gap - mean)) ** 2 for weight, gap in zip(weights, gaps, strict=True))
    return mean, math.sqrt(len(names) / (len(names) - 1) * spread)


def repetition_error(groups: Iterable[Collection[float]]) -> float | None:
    """Return the standard error of the difference of two trials, as repetitions show it.

    Trials of one identity differ by chance only, that of their training included, of which the nodes of one training
    see nothing. Their pooled variance is that of one trial, so a difference has twice of it.

    Parameters
    ----------
    groups : iterable of collections of float
        For each identity the scores of its trials.

    Returns
    -------
    float or None
        None where nothing was repeated.
    """
    squares, freedom = [], 0
    for scores in groups:
        mean = math.fsum(scores) / len(scores)
        squares += [(score - mean) ** 2 for score in scores]
        freedom += len(scores) - 1
    return math.sqrt(2 * math.fsum(squares) / freedom) if freedom else None


def clearly_better(one: ByNode, other: ByNode, doubt: float, repetitions: float | None = None) -> bool:
    """Return whether `one`, which ranks before `other`, scores above it by more than `doubt` standard errors.

    Where nothing says how large the noise is, there is no doubt, and the ranking stands: so with a panel of one node.

    Parameters
    ----------
    one, other : mapping
        As of `difference`.
    doubt : float
        Standard errors within which nothing can be told; with 0 every difference counts.
    repetitions : float, optional
        What `repetition_error` returned. The larger of both errors counts, since each is of a chance that the other
        does not see; where one of them is unknown, the other does.
    """
    mean, error = difference(one, other)
    if repetitions is not None:
        error = repetitions if math.isinf(error) else max(error, repetitions)
    if math.isinf(error):
        return True
    return mean > (doubt * error if doubt else 0.0)
