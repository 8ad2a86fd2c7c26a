"""What one arm gains over another: for each data set over seeds, and over all data sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from server_app.interval import Interval, paired
from server_app.reporting.words import counted
from tests.benchmarks.equal_cost.arms import Reached


@dataclass(frozen=True)
class Gain:
    """Paired differences of the test metric on one data set, one a seed.

    Parameters
    ----------
    data, metric : str
        What they are of.
    values : tuple of float
        Above 0 where the first arm is better.
    macs : tuple of float, tuple of float
        Of the models of both arms, mean over seeds.
    """

    data: str
    metric: str
    values: tuple[float, ...]
    macs: tuple[float, float]

    @property
    def mean(self) -> float:
        """Mean over seeds."""
        return fmean(self.values)

    @property
    def spread(self) -> float | None:
        """Standard deviation over seeds; None of a single one."""
        return stdev(self.values) if len(self.values) > 1 else None


def gain(data: str, ours: Sequence[Reached], theirs: Sequence[Reached]) -> Gain:
    """Return what one arm gains over another on a data set.

    Where both ended with models that were there before, which of them tests better is chance or longer training: then
    there is no gain, but a loss stays one.

    Parameters
    ----------
    data : str
        Its name.
    ours, theirs : sequence of Reached
        By seed, in one order.
    """
    pairs = list(zip(ours, theirs, strict=True))
    return Gain(
        data,
        ours[0].metric,
        tuple(_difference(one, other) for one, other in pairs),
        (fmean(one.macs for one in ours), fmean(other.macs for other in theirs)),
    )


def _difference(one: Reached, other: Reached) -> float:
    found_nothing = one.from_portfolio and other.from_portfolio
    return min(0.0, one.value - other.value) if found_nothing else one.value - other.value


def in_figures(found: Gain) -> str:
    """Return the mean, and the deviation where there are several seeds."""
    return f"{found.mean:+.4f}" + ("" if found.spread is None else f" ({found.spread:.4f})")


def in_words(gains: Sequence[Gain], ours: str, theirs: str) -> str:
    """Return what one arm gains over another on all data sets, with its interval where there are several."""
    told = overall(gains)
    interval = f", 95 % interval {told.low:+.4f} to {told.high:+.4f}, by data set" if told.known else ""
    return f"gain of {ours} over {theirs}: {told.mean:+.4f} over {counted(len(gains), 'data set')}{interval}"


def overall(gains: Sequence[Gain]) -> Interval:
    """Return the mean over data sets, each counting once, with its interval at 95 %.

    Seeds of one data set are not independent evidence, so the interval is that of the data sets' means: clustered by
    data set.
    """
    return paired([each.mean for each in gains], [0.0] * len(gains))
