"""How sure a mean difference is: the paired t-interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from common.errors import ConfigError

LEVEL = 0.95
"""Of so many intervals hold the true mean, where differences are normal."""


@dataclass(frozen=True)
class Interval:
    """A mean and where the true one is likely to be.

    Parameters
    ----------
    mean : float
        Of the differences.
    low, high : float
        Ends of the interval; NaN where there is one difference only, which says nothing of how far others lie.
    """

    mean: float
    low: float
    high: float

    @property
    def known(self) -> bool:
        """Whether there are ends."""
        return not math.isnan(self.low)


def paired(one: Sequence[float], other: Sequence[float]) -> Interval:
    """Return the mean of ``one - other`` with its 95 % interval, by Student's t over the pairs.

    "Student", "The probable error of a mean", Biometrika 1908.

    Parameters
    ----------
    one, other : sequence of float
        Of as many pairs, in the same order.

    Raises
    ------
    ConfigError
        They are not pairs, or there are none.
    """
    if len(one) != len(other) or not one:
        raise ConfigError("Differences are taken of pairs", (len(one), len(other)), fix="Give as many of both")
    differences = [ours - theirs for ours, theirs in zip(one, other, strict=True)]
    mean = fmean(differences)
    if len(differences) == 1:
        return Interval(mean, math.nan, math.nan)
    half = t_quantile(len(differences) - 1) * stdev(differences) / math.sqrt(len(differences))
    return Interval(mean, mean - half, mean + half)


def t_quantile(degrees: int) -> float:
    """Return what the absolute value of a t-distributed number exceeds in 1 of 20 cases, for 1 degree of freedom on."""
    from scipy.special import stdtrit  # a quarter of a second that only those pay who compare

    return float(stdtrit(degrees, (1 + LEVEL) / 2))
