"""What is in a pool, in figures: for the people who have the data, and for nobody else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.data.overlap import overlap_links
from common.data.pool import Pool, class_names
from common.preprocessing.scaling import Scaling


@dataclass(frozen=True)
class ClassCount:
    """One class or label: its name (or its number as text), and its examples in training and in the test part."""

    name: str
    train: int
    test: int


@dataclass(frozen=True)
class Summary:
    """Figures of one pool.

    Parameters
    ----------
    input_shape : tuple of int
        Of one example.
    train, test : int
        How many examples there are in training and in the test part.
    counts : tuple of ClassCount
        In the order of the labels, classes without examples included; empty where labels are no classes.
    named : bool
        Whether the classes have names.
    has_test : bool
        Whether the data say which examples are for the test.
    people : int, optional
        How many there are; None where it is not known whose each example is.
    constant : tuple of int
        Which features of vectors, or channels of sequences, are the same in every example, from 0.
    deviations : tuple of float
        The smallest and the largest deviation that a feature or channel has in training, as a network would see it,
        those that never change aside; empty where all are such.
    copies : int
        With a test part: test examples that are trained on too. Without: examples that occur once more.
    overlapping : int
        Sequences that begin with the second half of another one; 0 where their recordings are known.
    nbytes : int
        What the data take in memory while a search runs, at most.
    features : tuple of str
        Names of the features; empty where they have none.
    kind : str
        What the labels are for; see `Head.kind`.
    """

    input_shape: tuple[int, ...]
    train: int
    test: int
    counts: tuple[ClassCount, ...]
    named: bool
    has_test: bool
    people: int | None
    constant: tuple[int, ...]
    deviations: tuple[float, ...]
    copies: int
    overlapping: int
    nbytes: int
    features: tuple[str, ...] = ()
    kind: str = "classification"

    @property
    def examples(self) -> int:
        """How many examples there are, those for the test included."""
        return self.train + self.test

    @property
    def missing(self) -> tuple[str, ...]:
        """Classes without an example."""
        return tuple(count.name for count in self.counts if count.train + count.test == 0)


def summarize(pool: Pool) -> Summary:
    """Count what is in a pool."""
    return Summary(
        input_shape=pool.task.input_shape,
        train=len(pool.train_rows),
        test=0 if pool.test_rows is None else len(pool.test_rows),
        counts=class_counts(pool),
        named=bool(class_names(pool)),
        has_test=pool.test is not None,
        people=None if pool.people is None else len(np.unique(pool.people)),
        constant=_constant(pool),
        deviations=_deviations(pool),
        copies=_copies(pool),
        overlapping=_overlapping(pool),
        nbytes=pool.x.nbytes + pool.y.nbytes + 4 * pool.x.size,  # what a node uses becomes float32
        features=pool.features,
        kind=pool.task.head.kind,
    )


def class_counts(pool: Pool) -> tuple[ClassCount, ...]:
    """Count the examples of each class, or with each label; there is none where labels are no classes."""
    head = pool.task.head
    tested = np.zeros(len(pool.y), dtype=np.bool_) if pool.test is None else pool.test
    train, test = (head.counts(pool.y[part], 1) for part in (~tested, tested))
    names = head.names or tuple(str(label) for label in range(len(train)))
    return tuple(map(ClassCount, names, train, test))


def _overlapping(pool: Pool) -> int:
    if pool.task.kind != "sequence" or pool.recording is not None:
        return 0
    return len(overlap_links(pool.x[pool.train_rows]))


def _constant(pool: Pool) -> tuple[int, ...]:
    if pool.task.kind == "image" or len(pool.y) < 2:  # a border of pixels that never change is what images have
        return ()
    over = (0,) if pool.task.kind == "vector" else (0, 2)
    values = np.where(np.isnan(pool.x), -1, pool.x) if pool.task.inputs.gaps else pool.x
    same = values.min(axis=over) == values.max(axis=over)
    return tuple(int(feature) for feature in np.flatnonzero(same))


def _deviations(pool: Pool) -> tuple[float, ...]:
    inputs = pool.task.inputs
    std = Scaling.of(pool.x[pool.train_rows], inputs).std
    found = [std[place] / pool.scale for place in inputs.places if std[place]]
    return (min(found), max(found)) if found else ()


def _copies(pool: Pool) -> int:
    if pool.test_rows is None:
        return len(pool.y) - len(_digests(pool.x))
    trained = _digests(pool.x[pool.train_rows])
    return sum(_digest(example) in trained for example in pool.x[pool.test_rows])


def _digests(x: NDArray[Any]) -> set[bytes]:
    return {_digest(example) for example in x}


def _digest(example: NDArray[Any]) -> bytes:
    return hashlib.blake2b(example.tobytes(), digest_size=16).digest()
