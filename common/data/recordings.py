"""Splits and partitions of windows that were cut from recordings: no recording is both trained and scored on.

Windows of one recording share samples where they overlap, and its noise, its sensor and its day in any case. So whole
recordings are held out, of each class about the same part. A class with fewer recordings than there are parts cannot
give one to each: its windows are split as ``split=block`` splits them, the last ones held out, and those that share
samples with them are dropped. ``split=block`` asks for that of all classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.data.partition import dirichlet, iid
from common.data.splits import Split, check_enough, fractions_of, set_aside
from common.settings import DatasetSettings

Index = NDArray[np.int64]


@dataclass(frozen=True)
class Recordings:
    """From which recording windows are.

    Parameters
    ----------
    of : Index
        Shape ``(n,)``: by window the recording; windows of one are together, in the order of time.
    overlap : int
        How many of the windows after one share samples with it.
    """

    of: Index
    overlap: int = 0


def split_recordings(
    labels: Index, recordings: Recordings, settings: DatasetSettings, rng: np.random.Generator, *, with_test: bool
) -> Split:
    """Split a node's windows.

    A recording counts as of the class of its first window. Where nothing is left to train on, there is no test part,
    and where that is not enough no validation part, as in `common.data.splits.split_examples`.

    Parameters
    ----------
    labels : Index
        Shape ``(n,)``.
    recordings : Recordings
        Of the same windows.
    settings, rng, with_test
        As of `split_examples`; ``gap`` is at least the overlap.

    Raises
    ------
    DataError
        There are too few.
    """
    check_enough(labels)
    _, first, unit = np.unique(recordings.of, return_index=True, return_inverse=True)
    _, kind, counts = np.unique(labels[first], return_inverse=True, return_counts=True)
    gap = max(settings.gap, recordings.overlap)
    rows = np.arange(len(labels))
    for fractions in fractions_of(settings, with_test=with_test):
        parts = 1 + sum(fraction > 0 for fraction in fractions)
        whole = (counts[kind] >= parts) if settings.split != "block" else np.zeros(len(first), np.bool_)
        units, few = np.flatnonzero(whole), rows[~whole[unit]]
        by_recording = set_aside(labels[first][units], fractions, None, rng)
        by_block = set_aside(labels[few], fractions, gap, rng)
        train, validation, test = (
            np.sort(np.concatenate([rows[np.isin(unit, units[held])], few[last]]))
            for held, last in zip(by_recording.parts, by_block.parts, strict=True)
        )
        if len(train):
            return Split(train, validation, test)
    return Split(rows, rows[:0], rows[:0])


def partition_recordings(
    recordings: Index, labels: Index | None, partitions: int, alpha: float, rng: np.random.Generator
) -> list[Index]:
    """Deal out whole recordings to nodes.

    Parameters
    ----------
    recordings : Index
        Shape ``(n,)``: by window the recording.
    labels : Index, optional
        Shape ``(n,)``: their classes, to deal them out by `dirichlet`; None for `iid`.
    partitions, alpha, rng
        As of these.

    Returns
    -------
    list of Index
        The windows of each node, increasing.

    Raises
    ------
    ConfigError
        There are too few recordings.
    """
    _, first, unit = np.unique(recordings, return_index=True, return_inverse=True)
    if labels is None:
        parts = iid(len(first), partitions, rng, least=1, what="recording")
    else:
        parts = dirichlet(labels[first], partitions, alpha, rng, least=1, what="recording")
    return [np.flatnonzero(np.isin(unit, part)) for part in parts]
