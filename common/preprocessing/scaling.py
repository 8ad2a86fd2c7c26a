"""Scaling of inputs: each feature of a vector, or channel of a sequence or an image, to mean 0 and deviation 1.

Where values are missing (NaN) the fit is over those that are there, and a gap becomes 0 after scaling: the mean takes
its place, see `common.preprocessing.expand` for what that means. Features that are the same everywhere by their kind,
as the 0 and 1 of a category, are left as they are, and nothing about them leaves a node.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from common.errors import SpecError
from common.preprocessing.base import Inputs, Statistic, Sums

CLIP = 10.0
"""Deviations from the mean beyond which a scaled value is cut off."""

_CONSTANT = 1e-13
"""Of the mean square: a variance below is what rounding leaves of none, also of float32 numbers far from 0."""

_CHUNK = 256
"""Examples that are added up at a time: the rounding of a sum grows with what is added one after the other."""


@dataclass(frozen=True)
class Scaling:
    """What is subtracted from each feature or channel, and what it is divided by.

    Parameters
    ----------
    mean, std : tuple of float
        One for each feature or channel; a deviation of 0 is that of a constant, which becomes 0 whatever comes.
    clipped : bool
        Whether scaled values are cut off at `CLIP`; not so where inputs are left as they are.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    clipped: bool = True

    def __post_init__(self) -> None:
        numbers = (*self.mean, *self.std)
        if len(self.mean) != len(self.std) or not all(map(math.isfinite, numbers)) or min(self.std, default=-1) < 0:
            raise SpecError("A scaling has as many deviations as means, all finite, no deviation below 0")

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        """Graphs and tasks are looked up by their hash again and again, and there may be thousands of features."""
        return hash((self.mean, self.std, self.clipped))

    @classmethod
    def of(cls, x: NDArray[np.float32], inputs: Inputs | None = None) -> Scaling:
        """Return the scaling that fits these examples, at least one; by default all of them, without gaps."""
        moments = Moments()
        inputs = Inputs(x.shape[1:]) if inputs is None else inputs
        return moments.fit(moments.over(x, inputs), inputs)

    @classmethod
    def as_is(cls, width: int) -> Scaling:
        """Return the scaling that leaves so many features as they are, but for gaps, which become 0."""
        return cls((0.0,) * width, (1.0,) * width, clipped=False)

    def with_places(self, others: Mapping[int, tuple[float, float]]) -> Scaling:
        """Return the scaling with other means and deviations, by place."""
        rows = [list(self.mean), list(self.std)]
        for place, pair in others.items():
            rows[0][place], rows[1][place] = pair
        return replace(self, mean=tuple(rows[0]), std=tuple(rows[1]))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"mean": list(self.mean), "std": list(self.std), **({} if self.clipped else {"clipped": False})}

    @classmethod
    def from_dict(cls, values: Any) -> Self:
        """Build from what `to_dict` wrote, or from anything: what is no scaling raises `SpecError`."""
        clipped = values.get("clipped", True) if isinstance(values, dict) else None
        known = isinstance(values, dict) and set(values) <= {"mean", "std", "clipped"} and isinstance(clipped, bool)
        rows = [values.get(name) for name in ("mean", "std")] if known else []
        numbers = [row for row in rows if isinstance(row, list) and all(type(each) in (int, float) for each in row)]
        if len(numbers) != 2:
            raise SpecError("A scaling has a mean and an std, lists of numbers")
        mean, std = (tuple(map(float, row)) for row in numbers)
        return cls(mean, std, bool(clipped))


class Moments(Statistic[Scaling]):
    """Numbers, sums and sums of squares of each feature or channel, over examples and space."""

    name: ClassVar[str] = "moments"
    fields: ClassVar[tuple[str, ...]] = ("count", "sum", "square")

    def sums(self, x: NDArray[np.float32], inputs: Inputs) -> dict[str, NDArray[np.float64]]:
        """Return the three sums, shape ``(places,)`` each."""
        flat = x.reshape(*x.shape[:2], -1)
        counts, sums, squares = [], [], []
        for start in range(0, len(x), _CHUNK):
            part = flat[start : start + _CHUNK].astype(np.float64)
            if inputs.gaps:
                there = ~np.isnan(part)
                counts.append(there.sum(axis=(0, 2)).astype(np.float64))
                part = np.where(there, part, 0.0)
            else:
                counts.append(np.full(part.shape[1], float(len(part) * part.shape[2])))
            sums.append(part.sum(axis=(0, 2)))
            squares.append(np.square(part).sum(axis=(0, 2)))
        return {"count": _added(counts), "sum": _added(sums), "square": _added(squares)}

    def plausible(self, values: Mapping[str, NDArray[np.float64]]) -> bool:
        """Tell whether no variance is negative, but for what rounding may do."""
        mean_square, mean = values["square"] / values["count"], values["sum"] / values["count"]
        return bool((mean_square - mean**2 >= -1e-6 * mean_square).all() and (mean_square >= 0).all())

    def fit(self, total: Sums, inputs: Inputs) -> Scaling:
        """Return mean and deviation (of the population) of each feature or channel.

        What is not fitted is left as it is. Of what nobody may tell nothing is known, and it becomes 0 as a constant.
        """
        count, sums, squares = (np.array(total.values[name]) for name in self.fields)
        count = np.maximum(count, 1.0)
        mean, mean_square = sums / count, squares / count
        variance = mean_square - mean**2
        std = np.sqrt(np.where(variance > _CONSTANT * mean_square, variance, 0.0))
        means, stds = np.zeros(inputs.shape[0]), np.ones(inputs.shape[0])
        means[list(inputs.places)], stds[list(inputs.places)] = mean, std
        return Scaling(tuple(means.tolist()), tuple(stds.tolist()))


def _added(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Add rows pairwise, as numpy does along a contiguous axis."""
    added: NDArray[np.float64] = np.ascontiguousarray(np.stack(parts, axis=-1)).sum(axis=-1)
    return added
