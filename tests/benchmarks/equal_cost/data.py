"""The data sets: who holds what in each federation, and which part of a large file is used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets

from common.data.formats import Contents
from common.data.formats.npz import read
from common.errors import DataError
from tests.benchmarks.equal_cost.generated import GENERATED

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


def _loaded(name: str) -> Contents:
    """Return what is generated, or a table that comes with scikit-learn."""
    if name in GENERATED:
        return GENERATED[name]()
    loaded = getattr(datasets, f"load_{name}")()
    return Contents(loaded.data, loaded.target, loaded.target_names)


@dataclass(frozen=True)
class Case:
    """A data set in a federation.

    Parameters
    ----------
    federation : tuple of str
        Overrides that say which data these are and who holds what, and nothing of the search.
    part : callable, optional
        Which part of the file is used; None is all of it.
    table : str, optional
        A table of scikit-learn, or what is generated, in place of a file.
    """

    federation: tuple[str, ...]
    part: Callable[[Contents], Contents] | None = None
    table: str | None = None

    def file(self, path: Path | None, folder: Path) -> Path | None:
        """Return the file that a search reads: `path`, or where only a part is used another one, in `folder`.

        None where the data come with flwr-nas.

        Raises
        ------
        DataError
            There is no such file, or it is malformed.
        """
        if self.table is not None:
            return _written(_loaded(self.table), folder / f"{self.table}.npz")
        if path is None or self.part is None:
            return path.absolute() if path else None
        try:
            found = self.part(read(str(path), ""))
        except DataError as error:
            raise DataError(f"{path}: {error.rule}", fix=error.fix, detail=error.detail) from None
        return _written(found, folder / path.name)


def _written(contents: Contents, target: Path) -> Path:
    arrays: dict[str, NDArray[Any]] = {
        item.name: value for item in fields(contents) if (value := getattr(contents, item.name)) is not None
    }
    np.savez(target, allow_pickle=False, **arrays)
    return target


_LOCAL = "dataset=local"

CASES = {
    "uci_har": Case(
        (_LOCAL, "dataset.partition=natural", "dataset.split=block", "dataset.gap=1", "federation.nodes=21")
    ),
    "mnist_writers": Case(
        (_LOCAL, "dataset.partition=natural", "federation.nodes=40"), lambda file: first_people(file, 40)
    ),
    "fashion_mnist": Case(
        (_LOCAL, "dataset.partition=dirichlet", "dataset.alpha=0.3", "federation.nodes=10"),
        lambda file: first_examples(file, 6000),
    ),
}
"""Data sets that lie in files."""

EMBEDDED = {
    "digits": Case(("dataset=digits",)),
    "wine": Case((_LOCAL, "federation.nodes=4"), table="wine"),
    "breast_cancer": Case((_LOCAL, "federation.nodes=6"), table="breast_cancer"),
    "diabetes": Case(("dataset=diabetes", "federation.nodes=4")),
}
"""Data sets that come with what is installed."""

INVENTED = {
    name: Case((_LOCAL, "dataset.partition=dirichlet", "dataset.alpha=0.5", "federation.nodes=6"), table=name)
    for name in GENERATED
}
"""Data sets that choose defaults."""


def case_of(name: str, overrides: Sequence[str] = ()) -> Case:
    """Return a data set by its name; a file of another name is one of its own, in the federation of `overrides`."""
    known = {**CASES, **EMBEDDED}.get(name, Case((_LOCAL,)))
    return replace(known, federation=(*known.federation, *overrides))
