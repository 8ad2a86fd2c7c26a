"""The contract of a statistic: what is fitted over the federation, from sums that the nodes send.

    over        sums over examples
    measured    a node's sums over its training examples, if there are enough of them     (on the node)
    check       whether sums from anybody can be such                                     (on the server)
    total       the sum of the nodes' sums
    fit         what follows from it

This is the one way in which numbers about inputs leave a node: sums over at least so many examples, and no others.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from common.errors import ProtocolError

FittedT = TypeVar("FittedT")


@dataclass(frozen=True)
class Sums:
    """Sums over examples.

    Parameters
    ----------
    examples : int
        How many are behind each number.
    values : mapping of str to tuple of float
        What was summed, by name; float64.
    """

    examples: int
    values: Mapping[str, tuple[float, ...]]


class Statistic(ABC, Generic[FittedT]):
    """Sums that nodes send, and what follows from them; without attributes."""

    name: ClassVar[str]
    """Under which its sums travel."""
    fields: ClassVar[tuple[str, ...]]
    """The names of its sums."""

    @abstractmethod
    def sums(self, x: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
        """Return the sums over examples, by the names in `fields`; each of shape ``(k,)``."""

    @abstractmethod
    def size(self, input_shape: tuple[int, ...]) -> int:
        """Return how many numbers each of the sums has."""

    @abstractmethod
    def plausible(self, values: Mapping[str, NDArray[np.float64]], numbers: int) -> bool:
        """Tell whether finite sums can come from examples of so many numbers each, for each place of the sums."""

    @abstractmethod
    def fit(self, total: Sums, input_shape: tuple[int, ...]) -> FittedT:
        """Return what follows from the sums over all nodes."""

    def measured(self, x: NDArray[np.float32], min_examples: int) -> Sums | None:
        """Return a node's sums; None where fewer than `min_examples` are behind them: then they do not leave it."""
        return self.over(x) if len(x) >= min_examples else None

    def over(self, x: NDArray[np.float32]) -> Sums:
        """Return the sums over examples, however few."""
        values = self.sums(x)
        return Sums(len(x), {name: tuple(values[name].tolist()) for name in self.fields})

    def check(self, sums: Sums, input_shape: tuple[int, ...]) -> None:
        """Raise `ProtocolError` unless these can be sums over examples of this shape."""
        size = self.size(input_shape)
        values = {name: np.array(row, dtype=np.float64) for name, row in sums.values.items()}
        if sums.examples < 1 or set(values) != set(self.fields) or any(row.shape != (size,) for row in values.values()):
            raise ProtocolError(
                f"The {self.name} of a node are {' and '.join(self.fields)}, {size} numbers each",
                {name: row.shape for name, row in values.items()},
            )
        numbers = sums.examples * int(np.prod(input_shape)) // size
        with np.errstate(over="ignore", invalid="ignore"):
            sound = all(np.isfinite(row).all() for row in values.values()) and self.plausible(values, numbers)
        if not sound:
            raise ProtocolError(f"The {self.name} of a node must come from finite examples", fix="Check its data")


def total(sums_of: Mapping[str, Sums]) -> Sums:
    """Return the sum over nodes, given by name: of at least one, and in the order of their names."""
    parts = [sums_of[name] for name in sorted(sums_of)]
    added = {name: np.array([part.values[name] for part in parts]).sum(axis=0).tolist() for name in parts[0].values}
    return Sums(sum(part.examples for part in parts), {name: tuple(row) for name, row in added.items()})
