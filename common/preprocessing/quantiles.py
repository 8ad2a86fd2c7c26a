"""Median and quartiles of columns whose range a schema declares: a scaling that few extreme values do not move.

The range is cut into `BINS` equal parts, the same at each node. A node tells how many of its values lie at or below
each cut, rounded down to a multiple of the floor: so how many lie between two cuts is told to within that only. The
counts add up over the nodes, and the quartiles are read off their sum, linearly between cuts. The deviation is the
inter-quartile range over 1.349, as it is of a normal distribution, and not below what a bin can tell. Rounding moves a
quartile by the share of examples that it hides: at most the floor times the number of nodes, over all examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from common.preprocessing.base import Inputs, Statistic, Sums

BINS = 64
_NORMAL = 1.349
"""Inter-quartile range of the standard normal distribution."""

Spread = dict[int, tuple[float, float]]
"""By the place of a feature its median and its deviation."""


class Quantiles(Statistic[Spread]):
    """How many values lie at or below each cut of a range."""

    name: ClassVar[str] = "quantiles"
    fields: ClassVar[tuple[str, ...]] = ("count", *(f"to_{number}" for number in range(1, BINS)))

    def places(self, inputs: Inputs) -> tuple[int, ...]:
        """Return the places of the features that have a range."""
        return tuple(sorted(inputs.ranges))

    def sums(self, x: NDArray[np.float32], inputs: Inputs) -> dict[str, NDArray[np.float64]]:
        """Return the counts, shape ``(places,)`` each."""
        rows = np.zeros((len(self.fields), x.shape[1]))
        for column, place in enumerate(self.places(inputs)):
            values = np.sort(x[:, column][~np.isnan(x[:, column])].astype(np.float64))
            rows[0, column] = len(values)
            rows[1:, column] = np.searchsorted(values, _cuts(*inputs.ranges[place])[1:-1], side="right")
        return dict(zip(self.fields, rows, strict=True))

    def told(self, sums: Sums, min_examples: int) -> Sums:
        """Return the counts, rounded down to multiples of `min_examples`."""
        rows = {name: np.array(row) // min_examples * min_examples for name, row in sums.values.items()}
        return Sums(sums.examples, {name: tuple(row.tolist()) for name, row in rows.items()})

    def plausible(self, values: Mapping[str, NDArray[np.float64]]) -> bool:
        """Tell whether counts rise from cut to cut, up to that of all values."""
        rows = np.stack([*(values[name] for name in self.fields[1:]), values["count"]])
        return bool((rows >= 0).all() and (np.diff(rows, axis=0) >= 0).all())

    def fit(self, total: Sums, inputs: Inputs) -> Spread:
        """Return median and deviation of each place of which anything was told."""
        found: Spread = {}
        for column, place in enumerate(self.places(inputs)):
            to = np.array(
                [0.0, *(total.values[name][column] for name in self.fields[1:]), total.values["count"][column]]
            )
            if to[-1] <= 0:
                continue
            cuts = _cuts(*inputs.ranges[place])
            low, median, high = (_at(share * to[-1], to, cuts) for share in (0.25, 0.5, 0.75))
            found[place] = (median, max(high - low, float(cuts[1] - cuts[0])) / _NORMAL)
        return found


def _cuts(low: float, high: float) -> NDArray[np.float64]:
    return np.linspace(low, high, BINS + 1)


def _at(count: float, to: NDArray[np.float64], cuts: NDArray[np.float64]) -> float:
    """Return where so many values are reached, linearly within the bin that reaches them."""
    right = max(int(np.searchsorted(to, count)), 1)
    share = (count - to[right - 1]) / (to[right] - to[right - 1])
    return float(cuts[right - 1] + share * (cuts[right] - cuts[right - 1]))
