"""Tables as Parquet files; `common.data.formats.columns` says what the columns mean.

Instead of one column for each feature there may be one column ``x`` of lists of equal length. Needs pyarrow,
which is imported only here and only to read such a file: ``pip install "flwr-nas[parquet]"``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.data.formats.cells import Column, Table, one_form
from common.data.formats.contents import optional_package
from common.errors import DataError

_NUMBERS = "Every column of a table but label, client and split must hold numbers"
_EXACT = 2**53
"""Whole numbers from here on are texts: a float does not tell them from the next one."""


def read_table(path: str) -> Table:
    """Read a table without asking what its columns mean; errors as in `common.data.formats.read`."""
    arrow = optional_package("pyarrow", "parquet", "Parquet files")
    parquet = optional_package("pyarrow.parquet", "parquet", "Parquet files")
    try:
        with parquet.ParquetFile(path) as file:
            return _table(file.read())
    except (arrow.ArrowException, OSError, ValueError, OverflowError) as error:
        raise DataError("It cannot be read as Parquet", fix="Write the file again", detail=str(error)) from error


def _table(table: Any) -> Table:
    names = [one_form(name) or f"Unnamed: {place}" for place, name in enumerate(table.column_names)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError("The columns of a table must have different names", fix="Rename them", detail=", ".join(twice))
    lists = [place for place, column in enumerate(table.columns) if _is_list(column.type)]
    vectors = None
    if lists:
        vectors = _vectors(table.column(lists[0]), names[lists[0]], alone=len(lists) == 1)
    columns = {name: _column(table.column(place), name) for place, name in enumerate(names) if place not in lists}
    return Table(columns, np.arange(1, table.num_rows + 1), vectors)


def _column(column: Any, name: str) -> Column:
    types = optional_package("pyarrow.types", "parquet", "Parquet files")
    kind = column.type
    if types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = kind.value_type
    number = types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
    if number and (types.is_floating(kind) or not _has_large(column)):
        cells = column.cast("float64", safe=False).to_numpy()  # gaps become NaN
        return Column(name, values=np.asarray(cells, dtype=np.float64))
    texts = ["" if cell is None else str(cell).strip() for cell in column.to_pylist()]
    return Column(name, (np.array([text.encode() for text in texts]),) if texts else ())


def _has_large(column: Any) -> bool:
    compute = optional_package("pyarrow.compute", "parquet", "Parquet files")
    ends = compute.min_max(column).as_py()
    return any(value is not None and abs(value) >= _EXACT for value in ends.values())


def _vectors(column: Any, name: str, *, alone: bool) -> NDArray[np.float32]:
    """Return a column of lists, shape ``(n, length)``."""
    if name != "x" or not alone or not _is_number(column.type.value_type):
        raise DataError(
            _NUMBERS, fix="Convert the column, or leave it out", detail=f"column {name!r} is of type {column.type}"
        )
    compute = optional_package("pyarrow.compute", "parquet", "Parquet files")
    if column.null_count:
        row = int(np.argmax(column.is_null().to_numpy()))
        raise _gap(f"row {row + 1}, column 'x' is empty")
    lengths: NDArray[np.int64] = compute.list_value_length(column).to_numpy()
    if len(np.unique(lengths)) > 1 or not lengths[:1].any():
        odd = int(np.argmax(lengths != lengths[0])) if len(lengths) else 0
        raise DataError(
            "The lists of the column 'x' must be of one length, and not empty",
            fix="Make them equally long",
            detail=f"row {odd + 1} has {lengths[odd]} numbers, the first row {lengths[0]}" if len(lengths) else "",
        )
    parts = [chunk.flatten() for chunk in column.chunks]
    if any(part.null_count for part in parts):
        raise _gap("column 'x' has lists with gaps")
    return _finite(np.concatenate([part.to_numpy() for part in parts]).reshape(len(lengths), -1))


def _gap(where: str) -> DataError:
    return DataError("A table must have no empty cells", fix="Fill them, or leave those rows out", detail=where)


def _finite(values: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused
        x: NDArray[np.float32] = values.astype(np.float32)
    good = np.isfinite(x).all(axis=1)
    if not good.all():
        row = int(np.argmin(good))
        raise DataError(
            "Every number of a table must be finite, and fit into 32 bits",
            fix="Fill the gaps, or leave those rows out",
            detail=f"row {row + 1}, column 'x': {values[row][~np.isfinite(x[row])][0]}",
        )
    return x


def _is_number(kind: Any) -> bool:
    types = optional_package("pyarrow.types", "parquet", "Parquet files")
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))


def _is_list(kind: Any) -> bool:
    types = optional_package("pyarrow.types", "parquet", "Parquet files")
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))
