"""By how much one model is better than another, and how far that may be off by chance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from server_app.comparison import ByNode, mean_by_node
from server_app.interval import paired, t_quantile
from server_app.noise import difference
from server_app.scores import Score

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Gain:
    """What one model has over another in one metric.

    Parameters
    ----------
    mean : float
        Above 0 where it is better.
    low, high : float, optional
        Ends of the 95 % confidence interval of the mean; None where nothing tells how far it may be off.
    over : {"seeds", "nodes", "nothing"}
        Over what differences were taken: over seeds, or where there is one, or all gain as much, over the nodes (or
        people) of the test.
    number : int
        How many of these there were.
    values : tuple of float
        One a seed.
    """

    mean: float
    low: float | None
    high: float | None
    over: str
    number: int
    values: tuple[float, ...]

    @property
    def within_noise(self) -> bool:
        """Whether the interval holds 0: it may as well be no gain, and no loss."""
        return self.low is not None and self.high is not None and self.low <= 0 <= self.high

    @property
    def clear(self) -> bool:
        """Whether it is better, and by more than chance; where nothing tells of chance, by anything."""
        return self.mean > 0 and (self.low is None or self.low > 0)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**asdict(self), "values": list(self.values)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Gain:
        """Build from what `to_json` wrote."""
        return cls(**{**values, "values": tuple(values["values"])})


def gain_over(ours: Sequence[Score | None], theirs: Sequence[Score | None], metric: str, direction: str) -> Gain | None:
    """Return what a model has over another on their tests; None where no two tests have the metric.

    Parameters
    ----------
    ours, theirs : sequence of Score or None
        One a seed, None of one that failed. Where a model has one only since no seed changes it, it stands for all.
    metric : str
        In which they are compared.
    direction : {"max", "min"}
        Which way is better.
    """
    pairs, sign = _pairs(ours, theirs, metric), _sign(direction)
    if not pairs:
        return None
    values = [sign * (one.metrics[metric] - other.metrics[metric]) for one, other in pairs]
    gain = over_seeds(values)
    return _over_nodes(values, pairs, metric, sign) if gain.low is None else gain


def clearest_gain_over(
    ours: Sequence[Score | None], theirs: Sequence[Score | None], metric: str, direction: str
) -> Gain | None:
    """Return the gain over seeds, or that over nodes where its interval lies higher; None as of `gain_over`.

    To say that a model is no better than another one takes that neither shows it: three seeds alone make an interval
    so wide that it holds nearly everything. Parameters are as of `gain_over`.
    """
    gain = gain_over(ours, theirs, metric, direction)
    if gain is None or gain.low is None:
        return gain
    nodes = _over_nodes(gain.values, _pairs(ours, theirs, metric), metric, _sign(direction))
    return nodes if nodes.low is not None and nodes.low > gain.low else gain


def over_seeds(values: Sequence[float]) -> Gain:
    """Return the mean of differences, one a seed, with the interval of a paired t-test.

    There is none where all seeds gain as much, as happens where few examples are tested: nothing then tells of noise.
    """
    found = paired(values, [0.0] * len(values))
    even = found.mean != 0 and max(values) - min(values) < _ROUNDING
    if not found.known or even:
        return Gain(found.mean, None, None, "nothing", 0, tuple(values))
    return Gain(found.mean, found.low, found.high, "seeds", len(values), tuple(values))


def _over_nodes(values: Sequence[float], pairs: Sequence[tuple[Score, Score]], metric: str, sign: float) -> Gain:
    """Return the mean of differences, one a seed, with its interval over the nodes that both models were tested on."""
    mean = fmean(values)
    one, other = (_by_node(scores, metric, sign) for scores in zip(*pairs, strict=True))
    _, error = difference(one, other)
    if math.isinf(error):
        return Gain(mean, None, None, "nothing", 0, tuple(values))
    common = len(one.keys() & other.keys())
    half = t_quantile(common - 1) * error
    return Gain(mean, mean - half, mean + half, "nodes", common, tuple(values))


def _pairs(ours: Sequence[Score | None], theirs: Sequence[Score | None], metric: str) -> list[tuple[Score, Score]]:
    """Return the tests of both, by seed, that have the metric."""
    number = max(len(ours), len(theirs))
    return [
        (one, other)
        for one, other in zip(_repeated(ours, number), _repeated(theirs, number), strict=True)
        if one is not None and other is not None and metric in one.metrics and metric in other.metrics
    ]


def _sign(direction: str) -> float:
    return 1.0 if direction == "max" else -1.0


def _repeated(scores: Sequence[Score | None], number: int) -> list[Score | None]:
    return list(scores) * number if len(scores) == 1 else [*scores, *[None] * (number - len(scores))]


def _by_node(scores: Sequence[Score], metric: str, sign: float) -> ByNode:
    """Return the mean over tests, by node that all of them have."""
    return mean_by_node(
        [
            {
                name: (sign * node.metrics[metric], score.weight_of(name))
                for name, node in score.by_node.items()
                if metric in node.metrics
            }
            for score in scores
        ]
    )
