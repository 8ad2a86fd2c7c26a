"""What tables have in common: the meaning of their columns.

::

    label       the class: whole numbers from 0, or names (another column may be named instead)
    client      optional: whose example it is; numbers or names
    split       optional: train or test, or 0 and 1
    all others  numbers, the features of the example
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.data.formats.contents import Contents, named
from common.errors import DataError

_PARTS = {"train": 0, "0": 0, "test": 1, "1": 1}


@dataclass(frozen=True)
class Columns:
    """The columns of a table by what they are for; texts of the header, features in their order."""

    label: str
    features: tuple[str, ...]
    client: str | None
    split: str | None


def columns_of(header: Sequence[str], label: str) -> Columns:
    """Say what the columns named in `header` are for.

    Raises
    ------
    DataError
        A name occurs twice or is empty, there is no column `label`, or no feature.
    """
    if "" in header:
        raise DataError(
            "Every column of a table must have a name in its first row",
            fix="Write one above each column; a column of row numbers can go (pandas: to_csv(index=False))",
            detail=f"column {list(header).index('') + 1} has none",
        )
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError("The columns of a table must have different names", fix="Rename them", detail=", ".join(twice))
    if label not in header:
        raise DataError(
            f"A table must have the column {label!r}, with the class of each example",
            fix="Rename the column with the classes, or name it: label in a node config, --label in a check",
            detail=f"its columns are {_listed(header)}",
        )
    client, split = (name if name in header and name != label else None for name in ("client", "split"))
    features = tuple(name for name in header if name not in (label, client, split))
    if not features:
        raise DataError("A table must have a column of numbers besides the classes", fix="Add the features")
    return Columns(label, features, client, split)


def raw_of(
    x: NDArray[Any], columns: Columns, texts: Mapping[str, Sequence[str]], rows: Sequence[int] | NDArray[np.int64]
) -> Contents:
    """Make what all formats give from a table.

    Parameters
    ----------
    x : NDArray
        Float, shape ``(n, features)``.
    columns : Columns
        What the columns are for.
    texts : mapping
        The cells of the columns that are no features, as texts.
    rows : sequence of int
        The number of each row as its people see it.

    Raises
    ------
    DataError
        A cell is empty, or not what its column needs.
    """
    for name, cells in texts.items():
        if "" in cells:
            raise DataError(
                "A table must have no empty cells",
                fix="Fill them, or leave those rows out",
                detail=f"row {rows[cells.index('')]}, column {name!r} is empty",
            )
    y, classes = _labels(columns.label, texts[columns.label], rows)
    client = None if columns.client is None else _people(texts[columns.client])
    split = None if columns.split is None else _parts(texts[columns.split], rows)
    return Contents(x, y, classes, client, split)


def _labels(
    name: str, cells: Sequence[str], rows: Sequence[int] | NDArray[np.int64]
) -> tuple[NDArray[np.int64] | NDArray[np.float64], NDArray[Any] | None]:
    """Return numbers as they are, as integers if all are whole (1.0 is), else the numbers of the names, and the names.

    What numbers with fractions are good for, and that they may be so, is for others to say.
    """
    try:
        numbers = np.array([float(cell) for cell in cells])
    except ValueError:
        return named(cells)
    finite = np.isfinite(numbers)
    if not finite.all():
        at = int(np.argmin(finite))
        raise DataError(
            f"The column {name!r} must hold whole numbers or names, or with task=regression finite numbers",
            fix="Correct it, or leave those rows out",
            detail=f"row {rows[at]}, column {name!r}: {cells[at]!r}",
        )
    return (numbers.astype(np.int64) if _whole(numbers).all() else numbers), None


def _people(cells: Sequence[str]) -> NDArray[np.int64]:
    """Return whole numbers as they are, and a number for each different text of all others."""
    try:
        numbers = np.array([float(cell) for cell in cells])
    except ValueError:
        return named(cells)[0]
    return numbers.astype(np.int64) if _whole(numbers).all() else named(cells)[0]


def _whole(numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say which numbers are whole, and small enough for a float to tell them from the next one."""
    whole: NDArray[np.bool_] = np.isfinite(numbers) & (numbers == np.floor(numbers)) & (np.abs(numbers) < 2**53)
    return whole


def _parts(cells: Sequence[str], rows: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    parts = [_PARTS.get(cell.lower(), -1) for cell in cells]
    if -1 in parts:
        at = parts.index(-1)
        raise DataError(
            "The column 'split' must say train or test (or 0 and 1) in each row",
            fix="Correct it, or leave the column out",
            detail=f"row {rows[at]}, column 'split': {cells[at]!r}",
        )
    return np.array(parts, dtype=np.int64)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:8])
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"
