"""Regrets of many runs summed up, and compared in pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CHECKPOINTS = (25, 50, 100, 200)
"""Evaluations after which regrets are told, as far as the budget goes; and at its end."""


@dataclass(frozen=True)
class Summary:
    """Regrets of the runs of one contender.

    Parameters
    ----------
    mean, median, lower, upper : float
        `lower` and `upper` are the quartiles.
    """

    mean: float
    median: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Comparison:
    """A contender against the first one, run by run.

    Parameters
    ----------
    difference : float
        Mean of the contender's regrets less those of the first; below 0 is better.
    p : float
        Of Wilcoxon's signed-rank test, two-sided: how likely such differences would be if neither were better.
    """

    difference: float
    p: float


def checkpoints(budget: int) -> list[int]:
    """Return the evaluations after which regrets are told."""
    return [*(point for point in CHECKPOINTS if point < budget), budget]


def regrets(worth: Sequence[Sequence[float]], best: float) -> NDArray[np.float64]:
    """Return by how much what was found is worth less than the best of the table.

    Parameters
    ----------
    worth : sequence of sequences of float
        Shape ``(runs, budget)``.
    best : float
        Of all that may be proposed.
    """
    return best - np.array(worth, dtype=np.float64)


def summarise(values: NDArray[np.float64]) -> Summary:
    """Sum up the regrets of runs, shape ``(runs,)``."""
    lower, median, upper = np.quantile(values, [0.25, 0.5, 0.75])
    return Summary(float(values.mean()), float(median), float(lower), float(upper))


def compare(values: NDArray[np.float64], first: NDArray[np.float64]) -> Comparison:
    """Compare the regrets of two contenders, shape ``(runs,)``, in pairs.

    The test is that of F. Wilcoxon, "Individual Comparisons by Ranking Methods", Biometrics Bulletin 1, 1945: pairs
    without a difference are left out, and where all are, `p` is 1. It is not corrected for several comparisons.
    """
    differences = values - first
    unequal = differences[differences != 0]
    from scipy.stats import wilcoxon  # half a second, and only needed here

    p = float(wilcoxon(unequal).pvalue) if len(unequal) else 1.0
    return Comparison(float(differences.mean()), p)
