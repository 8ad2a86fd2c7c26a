"""The data sets: who holds what in each federation, and which part of a large file is used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.data.formats import Contents
from common.data.formats.npz import read
from common.errors import DataError

TESTED = 10_000
"""Most test examples that are used of a file that is too large."""


def first_examples(contents: Contents, count: int) -> Contents:
    """Return the first `count` training examples in the order of the file, and the first `TESTED` test examples."""
    train, test = _parts(contents)
    return _rows(contents, train[:count], test)


def first_people(contents: Contents, count: int) -> Contents:
    """Return what the first `count` people who train have, by their number, and the first `TESTED` test examples.

    With ``dataset.partition=natural`` people are dealt out where there are more of them than nodes; where there are as
    many, each node is a person.

    Raises
    ------
    DataError
        It is not known whose each example is.
    """
    if contents.client is None:
        raise DataError("Data for people as nodes say whose each example is", fix="Add 'client' to the file")
    train, test = _parts(contents)
    people = contents.client[train]
    return _rows(contents, train[np.isin(people, np.unique(people)[:count])], test)


def _parts(contents: Contents) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    split = np.zeros(len(contents.y)) if contents.split is None else contents.split
    return np.flatnonzero(split == 0), np.flatnonzero(split != 0)[:TESTED]


def _rows(contents: Contents, train: NDArray[np.int64], test: NDArray[np.int64]) -> Contents:
    rows = np.sort(np.concatenate([train, test]))
    client, split = (None if array is None else array[rows] for array in (contents.client, contents.split))
    return Contents(contents.x[rows], contents.y[rows], contents.classes, client, split)


@dataclass(frozen=True)
class Case:
    """A data set in a federation.

    Parameters
    ----------
    federation : tuple of str
        Overrides that say who holds what, and nothing of the search.
    part : callable, optional
        Which part of the file is used; None is all of it.
    """

    federation: tuple[str, ...]
    part: Callable[[Contents], Contents] | None = None

    def file(self, path: Path, folder: Path) -> Path:
        """Return the file that a search reads: `path`, or where only a part is used another one, in `folder`.

        Raises
        ------
        DataError
            There is no such file, or it is malformed.
        """
        if self.part is None:
            return path.absolute()
        try:
            found = self.part(read(str(path), ""))
        except DataError as error:
            raise DataError(f"{path}: {error.rule}", fix=error.fix, detail=error.detail) from None
        arrays: dict[str, NDArray[Any]] = {
            item.name: value for item in fields(found) if (value := getattr(found, item.name)) is not None
        }
        target = folder / path.name
        np.savez(target, allow_pickle=False, **arrays)
        return target


CASES = {
    "uci_har": Case(("dataset.partition=natural", "dataset.split=block", "dataset.gap=1", "federation.nodes=21")),
    "mnist_writers": Case(("dataset.partition=natural", "federation.nodes=40"), lambda file: first_people(file, 40)),
    "fashion_mnist": Case(
        ("dataset.partition=dirichlet", "dataset.alpha=0.3", "federation.nodes=10"),
        lambda file: first_examples(file, 6000),
    ),
}
