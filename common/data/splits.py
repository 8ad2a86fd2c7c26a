"""Splits of one node's own examples into train, validation and test.

The test part is set aside first, then the validation part from the rest. Both ways of setting
aside take about the same fraction of each class; labels that are no classes are all of one.

``random``
    Any examples of a class.
``block``
    The last examples of each class, in the order given; what lies within `gap` places of a held-out
    example, of whatever class, is dropped. For windows over a signal that overlap their neighbours:
    no window is trained on that shares samples with one that is scored.

A node with few examples goes without the test part, and where that is not enough without the validation part: then it
trains and scores nothing. With a single example it has no part in a search.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigError, DataError
from common.settings import DatasetSettings

Index = NDArray[np.int64]

LEAST = 2
"""Examples that a node needs to have a part in a search."""


class TooFewExamplesError(DataError):
    """A node has fewer than `LEAST`; others may go on without it."""


@dataclass(frozen=True)
class Split:
    """Positions of a node's examples, each array in increasing order; `test` and `validation` may be empty."""

    train: Index
    validation: Index
    test: Index

    @property
    def parts(self) -> tuple[Index, Index, Index]:
        """All three, in this order."""
        return self.train, self.validation, self.test


def split_examples(labels: Index, settings: DatasetSettings, rng: np.random.Generator, *, with_test: bool) -> Split:
    """Split a node's examples.

    Parameters
    ----------
    labels : Index
        Shape ``(n,)``, in the order in which the examples were taken.
    settings : DatasetSettings
        ``split``, ``gap``, ``test_fraction`` (of all n) and ``validation_fraction`` (of what is left of them).
    rng : numpy.random.Generator
        Belongs to this node's split.
    with_test : bool
        False where the test examples come from elsewhere.

    Raises
    ------
    TooFewExamplesError
        There are fewer than `LEAST`.
    """
    check_enough(labels)
    rows = np.arange(len(labels))
    gap = settings.gap if settings.split == "block" else None
    for fractions in fractions_of(settings, with_test=with_test):
        split = set_aside(labels, fractions, gap, rng)
        if len(split.train):
            return split
    return Split(rows, rows[:0], rows[:0])


def check_enough(labels: Index) -> None:
    """Raise `TooFewExamplesError` unless a node has `LEAST` of them."""
    if len(labels) < LEAST:
        raise TooFewExamplesError(
            f"A node needs {LEAST} examples, one to train on and one to score, and this one has too few",
            len(labels),
            fix="Give the node more data, or use fewer nodes",
        )


def fractions_of(settings: DatasetSettings, *, with_test: bool) -> tuple[tuple[float, float], ...]:
    """Return which parts to set aside for test and validation, and what is next where nothing is left then."""
    test = settings.test_fraction if with_test else 0.0
    return (test, settings.validation_fraction), (0.0, settings.validation_fraction)


def set_aside(labels: Index, fractions: tuple[float, float], gap: int | None, rng: np.random.Generator) -> Split:
    """Set the test part aside, then the validation part; what is left to train on may be nothing.

    Parameters
    ----------
    labels, gap, rng
        As of `hold_out`.
    fractions : tuple of float
        For the test, of all; for validation, of what is left.
    """
    rest = np.arange(len(labels))
    held = [rest[:0], rest[:0]]
    for place, fraction in enumerate(fractions):
        if fraction > 0 and len(rest):
            rest, held[place] = hold_out(labels, rest, fraction, gap, rng)
    return Split(rest, held[1], held[0])


def check_split_settings(settings: DatasetSettings) -> None:
    """Raise `ConfigError` where the settings of a split are unknown or contradict each other."""
    if settings.split not in ("random", "block"):
        raise ConfigError("dataset.split must be random or block", settings.split, fix="Choose one of them")
    if settings.gap and settings.split != "block":
        raise ConfigError("dataset.gap goes with dataset.split=block only", settings.gap, fix="Set dataset.split=block")
    if settings.validation_fraction <= 0:
        raise ConfigError(
            "dataset.validation_fraction must be above 0, for a search needs scores",
            settings.validation_fraction,
            fix="Use a part of 1, such as 0.2",
        )


def hold_out(
    labels: Index, rows: Index, fraction: float, gap: int | None, rng: np.random.Generator
) -> tuple[Index, Index]:
    """Hold some of a node's examples out, of each class about the same fraction, one at least.

    Parameters
    ----------
    labels : Index
        Of all examples, in the order in which they were taken.
    rows : Index
        Positions of those that are split, increasing.
    fraction : float
        Part of them to hold out.
    gap : int, optional
        With ``block``, how far from a held-out example others are dropped; None means ``random``.
    rng : numpy.random.Generator
        Belongs to this split.

    Returns
    -------
    Index, Index
        What is left of `rows`, which may be nothing, and what is held out.
    """
    classes, counts = np.unique(labels[rows], return_counts=True)
    numbers = held_out_counts(counts, fraction, 1 + (gap or 0), rng)
    parts = []
    for label, number in zip(classes, numbers, strict=True):
        members = rows[labels[rows] == label]
        members = members if gap is not None else rng.permutation(members)
        parts.append(members[len(members) - number :])
    held = np.sort(np.concatenate(parts))
    if not len(held):  # no class can spare one
        held = rows[-1:] if gap is not None else rng.choice(rows, 1)
    near = [held + step for step in range(-(gap or 0), (gap or 0) + 1)]
    return np.setdiff1d(rows, np.concatenate(near)), held


def held_out_counts(counts: Index, fraction: float, keep: int, rng: np.random.Generator) -> Index:
    """Say how many examples of each class to hold out, by the method of largest remainders.

    The sum is ``fraction`` of all, rounded, at least 1, but for what classes with up to `keep`
    examples do not give: those stay in training whole.

    Parameters
    ----------
    counts : Index
        Examples of each class.
    fraction : float
        Part to hold out.
    keep : int
        Examples that each class keeps.
    rng : numpy.random.Generator
        Breaks ties, lest the first classes be held out more often.
    """
    total = max(1, round(fraction * float(counts.sum())))
    room = np.maximum(counts - keep, 0)
    quota: NDArray[np.float64] = np.minimum(fraction * counts, room)
    numbers: Index = np.floor(quota).astype(np.int64)
    order = rng.permutation(len(counts))
    order = order[np.argsort(-(quota - numbers)[order], kind="stable")]
    able = order[(numbers < room)[order]]
    numbers[able[: max(0, total - int(numbers.sum()))]] += 1
    return numbers
