"""Data sets that are one pool of examples, cut into partitions and splits."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.data.base import Dataset, Examples, Holder, NodeData, TestSet, check_holder
from common.data.overlap import recording_order
from common.data.partition import dirichlet, iid, natural
from common.data.recordings import Recordings, partition_recordings, split_recordings
from common.data.splits import Split, check_split_settings, split_examples
from common.errors import ConfigError, DataError
from common.seeding import generator
from common.settings import DatasetSettings
from common.tasks import Head, Task

Index = NDArray[np.int64]

PARTITIONS = ("iid", "dirichlet", "natural", "files")


@dataclass(frozen=True, eq=False)
class Pool:
    """Examples as they are stored; only what a node uses becomes float32.

    Parameters
    ----------
    x : NDArray
        uint8 or a float of at most 4 bytes, shape ``(n, *task.input_shape)``. NaN stands for a gap, where the task's
        schema allows one.
    y : NDArray
        Shape ``(n, ...)``: int64 or float32, as the head of `task` says.
    task : Task
        Shape of an example, and the head of these data.
    scale : float
        What `x` is divided by on use.
    people : NDArray, optional
        int64, shape ``(n,)``: whose example it is.
    test : NDArray, optional
        bool, shape ``(n,)``: which examples are for the test only; None where the pool comes without.
    notes : tuple of str
        What was done in reading that those who have the data should know; it stays with them.
    recording : NDArray, optional
        int64, shape ``(n,)``: from which recording each window was cut, in order of time; None of what is no window.
    overlap : int
        How many of the windows after one in its recording share samples with it.
    features : tuple of str
        What the features of vectors are called, in their order; empty where they have no names.
    """

    x: NDArray[Any]
    y: NDArray[Any]
    task: Task
    scale: float = 1.0
    people: Index | None = None
    test: NDArray[np.bool_] | None = None
    notes: tuple[str, ...] = ()
    recording: Index | None = None
    overlap: int = 0
    features: tuple[str, ...] = ()

    def take(self, rows: Index, head: Head | None = None) -> Examples:
        """Return the examples at `rows`, as float32 and scaled, labelled for `head` where one was agreed on.

        Raises
        ------
        DataError
            The pool's labels do not fit `head`.
        """
        x = self.x[rows].astype(np.float32)
        if self.scale != 1:
            x /= self.scale
        y = self.y[rows]
        return Examples(x, y if head is None else head.relabel(y, self.task.head))

    @property
    def train_rows(self) -> Index:
        """Rows that may be trained on."""
        return np.arange(len(self.y)) if self.test is None else np.flatnonzero(~self.test)

    @property
    def test_rows(self) -> Index | None:
        """Rows of the test part, or None where the pool comes without."""
        return None if self.test is None else np.flatnonzero(self.test)


def class_names(pool: Pool) -> tuple[str, ...]:
    """Return what a pool calls its classes or labels, in the order of their numbers; empty where they have no names."""
    return pool.task.head.names


class PooledDataset(Dataset):
    """A data set that can say what its pool is; partitions and splits come from here.

    In a simulation the nodes share the training part of one pool. Where the pool has a test part, that
    is the server's and the nodes have none; where it has none, each node holds back its own. In a
    deployment a node's own file is its pool: nothing is partitioned, and the test part is the node's.
    """

    def __init__(self, settings: DatasetSettings) -> None:
        super().__init__(settings)
        if settings.partition not in PARTITIONS:
            raise ConfigError(f"dataset.partition must be one of {', '.join(PARTITIONS)}", settings.partition)
        check_split_settings(settings)

    @abstractmethod
    def pool(self, own_file: str | None = None) -> Pool:
        """Return the pool that all nodes share, or that of a node's own file."""

    @property
    def shared(self) -> bool:
        """Whether there is a pool without a node's own file."""
        return True

    def node_data(self, holder: Holder, seed: int, head: Head | None = None) -> NodeData:
        """Return the training and validation examples of `holder`."""
        pool, rows, split = self._node(holder, seed)
        train, validation = (pool.take(rows[part], head) for part in (split.train, split.validation))
        task = replace(pool.task, head=head or pool.task.head.fitted(train.y))
        held = split.test if pool.test_rows is None else pool.test_rows if holder.path is not None else ()
        return NodeData(train, validation, task, len(held))

    def node_test(self, holder: Holder, seed: int, head: Head | None = None) -> Examples | None:
        """Return the test examples that `holder` has of its own."""
        pool = self._checked(holder.path)
        if pool.test_rows is not None:
            return None if holder.path is None else pool.take(pool.test_rows, head)
        pool, rows, split = self._node(holder, seed)
        return pool.take(rows[split.test], head) if len(split.test) else None

    def server_test(self, head: Head | None = None) -> TestSet | None:
        """Return the test part of the shared pool."""
        pool = self._checked(None) if self.shared else None
        if pool is None or pool.test_rows is None:
            return None
        group = None if pool.people is None else pool.people[pool.test_rows]
        return TestSet(pool.take(pool.test_rows, head), group)

    def natural_partitions(self) -> int | None:
        """Count the people in the training part of the shared pool."""
        pool = self._checked(None) if self.shared else None
        if pool is None or pool.people is None:
            return None
        return len(np.unique(pool.people[pool.train_rows]))

    def _node(self, holder: Holder, seed: int) -> tuple[Pool, Index, Split]:
        """Return the pool, the node's rows of it in the order they were taken, and their split."""
        pool = self._checked(holder.path)
        if holder.path is not None:
            rows = pool.train_rows
        else:
            check_holder(holder)
            parts = partition_pool(pool, self.settings.partition, self.settings.alpha, holder.partitions, seed)
            rows = parts[holder.partition]
        if pool.recording is not None:
            rows = rows[np.argsort(pool.recording[rows], kind="stable")]
        elif self.settings.split == "block" and pool.task.kind == "sequence":
            rows = rows[recording_order(pool.x[rows])]
        rng = generator(seed, "split", holder.partition)
        strata, with_test = pool.task.head.strata(pool.y[rows]), pool.test is None
        if strata is None:  # all alike
            strata = np.zeros(len(rows), np.int64)
        if pool.recording is None:
            return pool, rows, split_examples(strata, self.settings, rng, with_test=with_test)
        recordings = Recordings(pool.recording[rows], pool.overlap)
        return pool, rows, split_recordings(strata, recordings, self.settings, rng, with_test=with_test)

    def _checked(self, own_file: str | None) -> Pool:
        pool = self.pool(own_file)
        if own_file is None and self.settings.partition == "natural":
            check_people(pool, self.settings)
        return pool


@lru_cache(maxsize=4)
def partition_pool(pool: Pool, kind: str, alpha: float, partitions: int, seed: int) -> list[Index]:
    """Cut the training part of a pool; returns the rows of each node. All windows of a recording are one node's.

    Parameters
    ----------
    pool : Pool
        With people, if `kind` is ``natural`` (`check_people`).
    kind, alpha
        As ``partition`` and ``alpha`` of `DatasetSettings`.
    partitions : int
        Number of nodes.
    seed : int
        The run's.

    Raises
    ------
    ConfigError
        There are too few examples or people, or with ``dirichlet`` the labels are no classes.
    """
    rng = generator(seed, "partition")
    rows = pool.train_rows
    if kind == "natural":
        assert pool.people is not None
        parts = natural(pool.people[rows], partitions, rng)
    elif pool.recording is not None:
        labels = _classes_of(pool, rows) if kind == "dirichlet" else None
        parts = partition_recordings(pool.recording[rows], labels, partitions, alpha, rng)
    elif kind == "dirichlet":
        parts = dirichlet(_classes_of(pool, rows), partitions, alpha, rng)
    else:
        parts = iid(len(rows), partitions, rng)
    return [rows[part] for part in parts]


def _classes_of(pool: Pool, rows: Index) -> Index:
    classes = pool.task.head.strata(pool.y[rows])
    if classes is None:
        raise ConfigError(
            f"dataset.partition=dirichlet shares out classes unevenly, and data for {pool.task.head.kind} have none",
            fix="Set dataset.partition to iid, or to natural where it is known whose each example is",
        )
    return classes


def check_people(pool: Pool, settings: DatasetSettings) -> None:
    """Raise unless the people are known and none of them is both trained and tested on.

    Raises
    ------
    ConfigError
        It is not known whose each example is.
    DataError
        Somebody is in both parts.
    """
    if pool.people is None:
        raise ConfigError(
            f"dataset.partition=natural needs to know whose each example is, and {settings.path or settings.name} "
            "does not say",
            fix="Set dataset.partition to iid or dirichlet, or add 'client' to the file",
        )
    if pool.test_rows is None:
        return
    both = np.intersect1d(pool.people[pool.train_rows], pool.people[pool.test_rows])
    if len(both):
        raise DataError(
            f"{settings.path or settings.name}: with dataset.partition=natural no person may be in both the training "
            f"and the test part; {len(both)} are",
            fix="Give each person to one part in 'split', or set dataset.partition to iid or dirichlet",
            detail=f"the first of them is {both[0]}",
        )
