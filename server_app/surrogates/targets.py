"""What a surrogate is fitted to: trials at any rung, failed ones included, as numbers on one scale.

A trial counts once, with the last score that it has. Scores of lower rungs are brought to the highest one step by
step: trials that went on have scores on both sides of a step, and a line through these foresees where the others would
have come. Who goes on was chosen by the lower score, which a regression on it does not mind. How far trials lie off the
line is noise that a score from below has beside its own. That is a straight learning curve, as K. Swersky, J. Snoek and
R. P. Adams, "Freeze-Thaw Bayesian Optimization", 2014, has an exponential one.

Scores are then the mean of two standardised readings. Their normal quantiles by rank (D. Salinas, H. Shen and V.
Perrone, "A Quantile-Based Approach for Hyperparameter Transfer Learning", ICML 2020) do not care that a network which
is broken scores 10 and all others about 90, but nor how far apart those are; scores that are cut off as far below the
median as twice the best lies above it know that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from server_app.pareto import Point

if TYPE_CHECKING:
    from server_app.surrogates.gp import Array

_CUT = 2.0
"""As is usual of whiskers and outliers; a median and a best are told well by a dozen scores, a quartile is not."""
_PRIOR = 2.0
"""Trials that the slope 1 of a step is worth beside those that went on: as many as a line needs."""
_CORRECTION = 0.05
"""Of ParEGO: how much the sum counts beside the worst objective."""


@dataclass(frozen=True)
class Reading:
    """A trial as far as a surrogate sees it.

    Parameters
    ----------
    scores : mapping of int to tuple of float
        By rung what it scored in each objective; more is better. Empty where it failed.
    violation : float
        By how much it breaks hard constraints at its last rung; 0 where it keeps them.
    """

    scores: Mapping[int, Point]
    violation: float = 0.0


def at_top(curves: Sequence[Mapping[int, float]]) -> tuple[Array, Array]:
    """Bring scores of any rung to the highest.

    Parameters
    ----------
    curves : sequence of mappings
        Of each trial by rung its score; at least one rung each.

    Returns
    -------
    tuple of arrays of shape (trials,)
        The scores, and the variance of their noise beside that of a score at the highest rung, in their own squared
        units.

    Examples
    --------
    Both that went on gained 0.2, and so the third would have, exactly as far as can be told:

    >>> values, extra = at_top([{1: 0.5, 2: 0.7}, {1: 0.6, 2: 0.8}, {1: 0.4}])
    >>> [round(float(value), 3) for value in values], [round(float(one), 3) for one in extra]
    ([0.7, 0.8, 0.6], [0.0, 0.0, 0.0])
    """
    rungs = sorted({rung for curve in curves for rung in curve})
    values = np.array([curve[max(curve)] for curve in curves])
    extra = np.zeros(len(curves))
    last = np.array([max(curve) for curve in curves])
    for low, high in pairwise(rungs):
        below = last <= low
        pairs = [(curve[low], curve[high]) for curve in curves if low in curve and high in curve]
        slope, shift, off = _step(pairs)
        values[below] = slope * values[below] + shift
        extra[below] = slope**2 * extra[below] + off
    return values, extra


def _step(pairs: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """Return slope, shift and mean squared residual of the line by which scores rise from one rung to the next."""
    if not pairs:
        return 1.0, 0.0, 0.0
    low, high = np.array(pairs).T
    a, b = low - low.mean(), high - high.mean()
    prior = _PRIOR * float(a @ a) / len(pairs)
    slope = float((a @ b + prior) / (a @ a + prior)) if prior else 1.0
    slope = max(slope, 0.0)
    return slope, float(high.mean() - slope * low.mean()), float(np.square(b - slope * a).mean())


def standardised(values: Array) -> Array:
    """Return numbers of mean 0 and variance 1 that rank as `values` do, and lie apart as these but for low outliers."""
    both = _unit(_quantiles(values)) + _unit(_cut(values))
    return _unit(both)


def scalarised(points: Array, weights: Array) -> Array:
    """Return one number for each point, by the augmented Tchebycheff function of ParEGO.

    J. Knowles, "ParEGO: A Hybrid Algorithm with On-Line Landscape Approximation for Expensive Multiobjective
    Optimization Problems", IEEE TEC 10, 2006, with each objective as `standardised` gives it, from its
    best.

    Parameters
    ----------
    points : array of shape (trials, objectives)
        More is better.
    weights : array of shape (objectives,)
        Sum to 1.
    """
    columns = np.stack([standardised(column) for column in points.T], axis=1)
    missing = weights * (columns.max(axis=0) - columns)
    return np.asarray(-missing.max(axis=1) - _CORRECTION * missing.sum(axis=1))


def targets(readings: Sequence[Reading], weights: Array) -> tuple[Array, Array]:
    """Return what a surrogate is fitted to.

    Who breaks a hard constraint is as good as the worst of those that break none, and a failed trial as the worst of
    all. Where everybody breaks one, less of that is better.

    Parameters
    ----------
    readings : sequence of Reading
        At least one with scores.
    weights : array of shape (objectives,)
        What each objective counts; one where there is one.

    Returns
    -------
    tuple of arrays of shape (trials,)
        Scores of mean 0 and variance 1 (0 where all are equal), and the variance of the noise that each has beside
        that of all.
    """
    scored = [place for place, reading in enumerate(readings) if reading.scores]
    kept = [place for place in scored if not readings[place].violation]
    values, extra = np.full(len(readings), math.nan), np.zeros(len(readings))
    if kept:
        own = [readings[place].scores for place in kept]
        columns = [
            at_top([{rung: point[i] for rung, point in one.items()} for one in own]) for i in range(len(weights))
        ]
        points = np.stack([column for column, _ in columns], axis=1)
        values[kept] = points[:, 0] if len(weights) == 1 else scalarised(points, weights)
        spread = points.var(axis=0)
        shares = [noise / var if var else np.zeros(len(kept)) for (_, noise), var in zip(columns, spread, strict=True)]
        extra[kept] = weights @ np.stack(shares)
    else:
        values[scored] = [-readings[place].violation for place in scored]
    values[np.isnan(values)] = np.nanmin(values)
    return standardised(values), extra


def _quantiles(values: Array) -> Array:
    """Return normal quantiles by rank; equal numbers share theirs."""
    order = np.sort(values)
    middle = (np.searchsorted(order, values, "left") + np.searchsorted(order, values, "right")) / 2
    normal = NormalDist()
    return np.array([normal.inv_cdf(rank / len(values)) for rank in middle.tolist()])


def _cut(values: Array) -> Array:
    median = float(np.median(values))
    return np.maximum(values, median - _CUT * (float(values.max()) - median))


def _unit(values: Array) -> Array:
    centred = values - values.mean()
    deviation = float(centred.std())
    return centred / deviation if deviation > 1e-12 * (1 + float(np.abs(values).max())) else np.zeros(len(values))
