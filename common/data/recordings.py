"""Splits and partitions of windows that were cut from recordings: no recording is both trained and scored on.

Windows of one recording share samples where they overlap, and its noise, its sensor and its day in any case. So whole
recordings are held out: of each class the fractions, rounded. Where that is not one at least, as with fewer than four
recordings and the usual fractions, the windows of the class are split as ``split=block`` splits them: the last ones are
held out, and those that share samples with them are dropped. ``split=block`` asks for that of all classes.
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
    TooFewExamplesError
        There are fewer than a node needs.
    """
    check_enough(labels)
    _, first, unit = np.unique(recordings.of, return_index=True, return_inverse=True)
    gap, rows = max(settings.gap, recordings.overlap), np.arange(len(labels))
    for fractions in fractions_of(settings, with_test=with_test):
        units = _whole(labels[first], fractions, rng) if settings.split != "block" else ([], [], [])
        few = rows[~np.isin(unit, np.concatenate([*units, rows[:0]]))]
        by_block = set_aside(labels[few], fractions, gap, rng)
        train, validation, test = (
            np.sort(np.concatenate([rows[np.isin(unit, held)], few[last]]))
            for held, last in zip(units, by_block.parts, strict=True)
        )
        if len(train):
            return Split(train, validation, test)
    return Split(rows, rows[:0], rows[:0])


def _whole(
    kinds: Index, fractions: tuple[float, float], rng: np.random.Generator
) -> tuple[list[int], list[int], list[int]]:
    """Deal out the recordings of classes with enough of them.

    Parameters
    ----------
    kinds : Index
        The class of each recording.
    fractions : tuple of float
        For the test, of all; for validation, of what is left.
    rng : numpy.random.Generator
        Belongs to this split.

    Returns
    -------
    tuple of list of int
        Positions of recordings for training, validation and test.
    """
    parts: tuple[list[int], list[int], list[int]] = ([], [], [])
    for kind in np.unique(kinds):
        members = rng.permutation(np.flatnonzero(kinds == kind)).tolist()
        test = round(fractions[0] * len(members))
        validation = round(fractions[1] * (len(members) - test))
        if validation and (test or not fractions[0]) and test + validation < len(members):
            cuts = (members[test + validation :], members[test : test + validation], members[:test])
            for part, cut in zip(parts, cuts, strict=True):
                part.extend(cut)
    return parts


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
