"""Tables as text: a header, then one example a row; `common.data.formats.columns` says what the columns mean.

Read with Python's own csv module, row by row: it knows quotes, and it knows where it is when a cell is wrong.
Fields may be parted by commas, semicolons or tabs, whichever the header has most of.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.data.formats.columns import Columns, columns_of, raw_of
from common.data.formats.contents import Contents
from common.data.formats.reading import Reading
from common.errors import DataError

_ROWS_AT_ONCE = 512
_NOT_TEXT = "A .csv file must be a table as text"
_SAVE_AGAIN = "Save it again as CSV (UTF-8)"

Row = tuple[int, list[str]]
"""A line's number, as an editor counts, and its cells."""


def read(path: str, reading: Reading) -> Contents:
    """Read a table; errors as in `common.data.formats.read`."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:  # noqa: PTH123 - a str may hold what Path changes
            first = stream.readline()
            stream.seek(0)
            reader = csv.reader(stream, delimiter=max(",;\t", key=first.count), strict=True)
            header = [name.strip() for name in next(reader, [])]
            return _table(columns_of(header, reading.label), header, _rows(reader, len(header)))
    except (csv.Error, UnicodeError) as error:
        raise DataError(_NOT_TEXT, fix=_SAVE_AGAIN, detail=str(error)) from error
    except OSError as error:
        raise DataError("The file must be readable", fix="Check its permissions", detail=str(error)) from error


def _rows(reader: Any, width: int) -> Iterator[Row]:
    """Yield the rows that are not blank; `reader` is one of csv's, whose type has no public name."""
    for cells in reader:
        if not cells:
            continue
        if len(cells) != width:
            raise DataError(
                "Every row of a table must have as many cells as the first one",
                fix="Complete the row, or put texts with commas in quotes",
                detail=f"row {reader.line_num} has {len(cells)}, the first one {width}",
            )
        yield reader.line_num, [cell.strip() for cell in cells]


def _table(columns: Columns, header: list[str], rows: Iterator[Row]) -> Contents:
    places = [header.index(name) for name in columns.features]
    others = [name for name in (columns.label, columns.client, columns.split) if name is not None]
    texts: dict[str, list[str]] = {name: [] for name in others}
    numbers: list[int] = []
    blocks = []
    while chunk := list(islice(rows, _ROWS_AT_ONCE)):
        blocks.append(_features(chunk, columns.features, places))
        numbers += [number for number, _ in chunk]
        for name in others:
            place = header.index(name)
            texts[name] += [cells[place] for _, cells in chunk]
    if not blocks:
        raise DataError("A table must have rows below its header", fix="Add the examples")
    return raw_of(np.concatenate(blocks), columns, texts, numbers)


def _features(chunk: list[Row], names: tuple[str, ...], places: list[int]) -> NDArray[np.float32]:
    """Return the features of some rows, shape ``(rows, features)``."""
    try:
        with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused below
            block = np.array([[float(cells[place]) for place in places] for _, cells in chunk]).astype(np.float32)
    except ValueError:
        block = np.array([[_float(cells[place]) for place in places] for _, cells in chunk], dtype=np.float32)
    if not np.isfinite(block).all():
        row, column = np.argwhere(~np.isfinite(block))[0]
        _refuse(chunk[row][0], names[column], chunk[row][1][places[column]])
    return block


def _float(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return np.nan


def _refuse(row: int, column: str, cell: str) -> None:
    """Raise what is wrong with the cell of a feature."""
    where = f"row {row}, column {column!r}"
    if not cell:
        raise DataError(
            "A table must have no empty cells", fix="Fill them, or leave those rows out", detail=f"{where} is empty"
        )
    if np.isnan(_float(cell)) and cell.lower().lstrip("+-") != "nan":
        decimal = cell.count(",") == 1 and cell.replace(",", "").lstrip("+-").isdigit()
        raise DataError(
            "Every column of a table but label, client and split must hold numbers",
            fix="Write decimals with a point" if decimal else "Correct the cell, or leave the column out",
            detail=f"{where}: {cell!r}",
        )
    raise DataError(
        "Every number of a table must be finite, and fit into 32 bits",
        fix="Fill the gaps, or leave those rows out",
        detail=f"{where}: {cell!r}",
    )
