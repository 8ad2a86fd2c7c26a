"""What a data set gives: examples, splits, and who holds them.

A search sees `NodeData` only: training and validation. The test split is opened by a function of its
own, once, at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.architecture.task import TaskShape


@dataclass(frozen=True)
class Examples:
    """Inputs with their labels.

    Parameters
    ----------
    x : NDArray
        float32, shape ``(n, *input_shape)``.
    y : NDArray
        int64, shape ``(n,)``, from 0.
    """

    x: NDArray[np.float32]
    y: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.y)

    def take(self, index: NDArray[np.int64]) -> Examples:
        """Return the examples at `index`."""
        return Examples(self.x[index], self.y[index])


@dataclass(frozen=True)
class Holder:
    """Whose data to load.

    Parameters
    ----------
    partition, partitions : int
        In a simulation: which part of the pool, and into how many the pool is cut.
    path : str, optional
        In a deployment: the node's own file, named in its node config.
    """

    partition: int = 0
    partitions: int = 1
    path: str | None = None


@dataclass(frozen=True)
class NodeData:
    """What a node trains on and is scored on."""

    train: Examples
    validation: Examples
    task: TaskShape


@dataclass(frozen=True)
class TestSet:
    """A test set that the server holds, with the people it comes from where they are known.

    Parameters
    ----------
    examples : Examples
        Never seen in training.
    group : NDArray, optional
        int64, shape ``(n,)``: whose example it is.
    """

    __test__ = False  # not a test case, whatever pytest thinks of its name

    examples: Examples
    group: NDArray[np.int64] | None = None
