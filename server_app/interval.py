"""How sure a mean difference is: the paired t-interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev

from common.errors import ConfigError

LEVEL = 0.95
"""Of so many intervals hold the true mean, where differences are normal."""

_MANY = 1000
"""Degrees of freedom from which the normal quantile will do: it is then 0.12 % below Student's."""


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
    """Return what the absolute value of a t-distributed number exceeds in 1 of 20 cases.

    Found by halving an interval, as the distribution function has a closed form for whole degrees (Abramowitz and
    Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4).

    Parameters
    ----------
    degrees : int
        Degrees of freedom, 1 or more.
    """
    if degrees > _MANY:
        return NormalDist().inv_cdf((1 + LEVEL) / 2)
    low, high = 0.0, 16.0  # with one degree, where tails are widest, it is 12.7
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if within(middle, degrees) < LEVEL else (low, middle)
    return low


def within(t: float, degrees: int) -> float:
    """Return the probability that the absolute value of a t-distributed number is below `t`."""
    angle = math.atan(t / math.sqrt(degrees))
    cosine, odd = math.cos(angle), degrees % 2
    # The terms are cos(angle) to the power of 0, 2, 4 ..., or of 1, 3, 5 ... where the degrees are odd.
    terms, total = cosine if odd else 1.0, 0.0
    for power in range(odd, degrees - 1, 2):
        total += terms
        terms *= cosine * cosine * (power + 1) / (power + 2)
    if odd:
        return 2 / math.pi * (angle + math.sin(angle) * total)
    return math.sin(angle) * total
