"""Scaling of inputs: each feature of a vector, or channel of a sequence or an image, to mean 0 and deviation 1."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from common.errors import SpecError
from common.preprocessing.base import Statistic, Sums

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
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        numbers = (*self.mean, *self.std)
        if len(self.mean) != len(self.std) or not all(map(math.isfinite, numbers)) or min(self.std, default=-1) < 0:
            raise SpecError("A scaling has as many deviations as means, all finite, no deviation below 0")

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        """Graphs and tasks are looked up by their hash again and again, and there may be thousands of features."""
        return hash((self.mean, self.std))

    @classmethod
    def of(cls, x: NDArray[np.float32]) -> Scaling:
        """Return the scaling that fits these examples, at least one."""
        moments = Moments()
        return moments.fit(moments.over(x), x.shape[1:])

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_dict(cls, values: Any) -> Self:
        """Build from what `to_dict` wrote, or from anything: what is no scaling raises `SpecError`."""
        rows = [values.get(name) for name in ("mean", "std")] if isinstance(values, dict) and len(values) == 2 else []
        numbers = [row for row in rows if isinstance(row, list) and all(type(each) in (int, float) for each in row)]
        if len(numbers) != 2:
            raise SpecError("A scaling has a mean and an std, lists of numbers")
        mean, std = (tuple(map(float, row)) for row in numbers)
        return cls(mean, std)


class Moments(Statistic[Scaling]):
    """Sums and sums of squares of each feature or channel, over examples and space."""

    name: ClassVar[str] = "moments"
    fields: ClassVar[tuple[str, ...]] = ("sum", "square")

    def sums(self, x: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
        """Return the two sums, shape ``(features or channels,)`` each."""
        flat = x.reshape(*x.shape[:2], -1)
        sums, squares = [], []
        for start in range(0, len(x), _CHUNK):
            part = flat[start : start + _CHUNK].astype(np.float64)
            sums.append(part.sum(axis=(0, 2)))
            squares.append(np.square(part).sum(axis=(0, 2)))
        return {"sum": _added(sums), "square": _added(squares)}

    def size(self, input_shape: tuple[int, ...]) -> int:
        """Return the number of features or channels."""
        return input_shape[0]

    def plausible(self, values: Mapping[str, NDArray[np.float64]], numbers: int) -> bool:
        """Tell whether no variance is negative, but for what rounding may do."""
        mean_square, mean = values["square"] / numbers, values["sum"] / numbers
        return bool((mean_square - mean**2 >= -1e-6 * mean_square).all() and (mean_square >= 0).all())

    def fit(self, total: Sums, input_shape: tuple[int, ...]) -> Scaling:
        """Return mean and deviation (of the population) of each feature or channel."""
        numbers = total.examples * math.prod(input_shape[1:])
        mean, mean_square = (np.array(total.values[name]) / numbers for name in self.fields)
        variance = mean_square - mean**2
        std = np.sqrt(np.where(variance > _CONSTANT * mean_square, variance, 0.0))
        return Scaling(tuple(mean.tolist()), tuple(std.tolist()))


STATISTICS: dict[str, Statistic[Any]] = {Moments.name: Moments()}
"""What nodes can be asked for, by name."""


def _added(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Add rows pairwise, as numpy does along a contiguous axis."""
    added: NDArray[np.float64] = np.ascontiguousarray(np.stack(parts, axis=-1)).sum(axis=-1)
    return added
