"""The contract of a statistic: what is fitted over the federation, from sums that the nodes send.

    over        sums over examples
    measured    a node's sums over its training examples, where there are enough of them  (on the node)
    check       whether sums from anybody can be such                                     (on the server)
    total       the sum of the nodes' sums
    fit         what follows from it

This is the one way in which numbers about inputs leave a node: sums over at least so many examples, and no others.
That holds for each feature by itself, where some examples lack its value.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
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
        How many there are; each number has at most so many behind it.
    values : mapping of str to tuple of float
        What was summed, by name; float64.
    """

    examples: int
    values: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class Inputs:
    """What there is to be fitted of inputs.

    Parameters
    ----------
    shape : tuple of int
        One example without the batch axis.
    fitted : tuple of int, optional
        Places of the features that are fitted, where not all are; the others are left as they are, and nothing is told
        of them.
    gaps : bool
        Whether values may be missing (NaN).
    ranges : mapping of int to tuple of float
        By place, between which numbers the values of a feature lie, where that was declared.
    """

    shape: tuple[int, ...]
    fitted: tuple[int, ...] | None = None
    gaps: bool = False
    ranges: Mapping[int, tuple[float, float]] = field(default_factory=dict)

    @property
    def places(self) -> tuple[int, ...]:
        """Places of the features or channels that are fitted."""
        return tuple(range(self.shape[0])) if self.fitted is None else self.fitted

    @property
    def space(self) -> int:
        """How many numbers an example has for each feature or channel."""
        return math.prod(self.shape[1:])


class Statistic(ABC, Generic[FittedT]):
    """Sums that nodes send, and what follows from them; without attributes."""

    name: ClassVar[str]
    """Under which its sums travel."""
    fields: ClassVar[tuple[str, ...]]
    """The names of its sums. One is ``count``: of how many values each of the others is the sum."""

    def places(self, inputs: Inputs) -> tuple[int, ...]:
        """Return the places of the features or channels that are summed: by default of all that are fitted."""
        return inputs.places

    @abstractmethod
    def sums(self, x: NDArray[np.float32], inputs: Inputs) -> dict[str, NDArray[np.float64]]:
        """Return the sums over examples by the names in `fields`, each of shape ``(places,)``.

        Of the examples `x` holds these places alone, ``(n, places, ...)``.
        """

    @abstractmethod
    def plausible(self, values: Mapping[str, NDArray[np.float64]]) -> bool:
        """Tell whether finite sums can come from as many values as they say, at least one for each place."""

    @abstractmethod
    def fit(self, total: Sums, inputs: Inputs) -> FittedT:
        """Return what follows from the sums over all nodes."""

    def measured(self, x: NDArray[np.float32], inputs: Inputs, min_examples: int) -> Sums | None:
        """Return what of a node's sums may leave it; None where nothing may.

        Of a place where fewer than `min_examples` examples have a value nothing leaves it, and all of its sums are 0.
        """
        if len(x) < min_examples:
            return None
        sums = self.over(x, inputs)
        enough = np.array(sums.values["count"]) >= min_examples * inputs.space
        told = {name: np.where(enough, row, 0.0).tolist() for name, row in sums.values.items()}
        if not enough.any():
            return None
        return self.told(Sums(sums.examples, {name: tuple(row) for name, row in told.items()}), min_examples)

    def told(self, sums: Sums, min_examples: int) -> Sums:  # noqa: ARG002
        """Return sums as they leave a node: by default as they are."""
        return sums

    def over(self, x: NDArray[np.float32], inputs: Inputs) -> Sums:
        """Return the sums over examples, however few."""
        places = self.places(inputs)
        values = self.sums(x if len(places) == x.shape[1] else x[:, list(places)], inputs)
        return Sums(len(x), {name: tuple(values[name].tolist()) for name in self.fields})

    def check(self, sums: Sums, inputs: Inputs) -> None:
        """Raise `ProtocolError` unless these can be sums over examples of such inputs."""
        size = len(self.places(inputs))
        values = {name: np.array(row, dtype=np.float64) for name, row in sums.values.items()}
        if sums.examples < 1 or set(values) != set(self.fields) or any(row.shape != (size,) for row in values.values()):
            raise ProtocolError(
                f"The {self.name} of a node are {' and '.join(self.fields)}, {size} numbers each",
                {name: row.shape for name, row in values.items()},
            )
        if not all(np.isfinite(row).all() for row in values.values()):
            raise ProtocolError(f"The {self.name} of a node must come from finite examples", fix="Check its data")
        count, most = values["count"], sums.examples * inputs.space
        told = count > 0
        whole = (count == np.floor(count)) & (count >= 0) & (count <= most)
        empty = all(not row[~told].any() for row in values.values())
        with np.errstate(over="ignore", invalid="ignore"):
            sound = whole.all() and empty and self.plausible({name: row[told] for name, row in values.items()})
        if not sound:
            raise ProtocolError(
                f"The {self.name} of a node must come from {most} values at most, all of them finite",
                fix="Check its data",
            )


def total(sums_of: Mapping[str, Sums]) -> Sums:
    """Return the sum over nodes, given by name: of at least one, and in the order of their names."""
    parts = [sums_of[name] for name in sorted(sums_of)]
    added = {name: np.array([part.values[name] for part in parts]).sum(axis=0).tolist() for name in parts[0].values}
    return Sums(sum(part.examples for part in parts), {name: tuple(row) for name, row in added.items()})
