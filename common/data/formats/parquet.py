"""Tables as Parquet files; `common.data.formats.columns` says what the columns mean.

Instead of one column for each feature there may be one column ``x`` of lists of equal length. Needs pyarrow,
which is imported only here and only to read such a file: ``pip install "flwr-nas[parquet]"``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.data.formats.columns import columns_of, raw_of
from common.data.formats.contents import Contents, optional_package
from common.data.formats.reading import Reading
from common.errors import DataError

_NUMBERS = "Every column of a table but label, client and split must hold numbers"


def read(path: str, reading: Reading) -> Contents:
    """Read a table; errors as in `common.data.formats.read`."""
    arrow = optional_package("pyarrow", "parquet", "Parquet files")
    parquet = optional_package("pyarrow.parquet", "parquet", "Parquet files")
    try:
        with parquet.ParquetFile(path) as file:
            return _contents(file.read(), reading.label)
    except (arrow.ArrowException, OSError, ValueError, OverflowError) as error:
        raise DataError("It cannot be read as Parquet", fix="Write the file again", detail=str(error)) from error


def _contents(table: Any, label: str) -> Contents:
    columns = columns_of(table.column_names, label)
    if not table.num_rows:
        raise DataError("A table must have rows", fix="Add the examples")
    for name in table.column_names:
        _refuse_gaps(table.column(name), name)
    if columns.features == ("x",) and _is_list(table.column("x").type):
        x = _vectors(table.column("x"))
    else:
        x = np.stack([_feature(table.column(name), name) for name in columns.features], axis=1)
    others = [name for name in (columns.label, columns.client, columns.split) if name is not None]
    texts = {name: [str(cell).strip() for cell in table.column(name).to_pylist()] for name in others}
    return raw_of(x, columns, texts, np.arange(1, table.num_rows + 1))


def _refuse_gaps(column: Any, name: str) -> None:
    if column.null_count:
        row = int(np.argmax(column.is_null().to_numpy()))
        raise DataError(
            "A table must have no empty cells",
            fix="Fill them, or leave those rows out",
            detail=f"row {row + 1}, column {name!r} is empty",
        )


def _feature(column: Any, name: str) -> NDArray[np.float32]:
    """Return a column of numbers."""
    values = column.to_numpy() if _is_number(column.type) else None
    if values is None:
        raise DataError(
            _NUMBERS, fix="Convert the column, or leave it out", detail=f"column {name!r} is of type {column.type}"
        )
    return _finite(values[:, None], name)[:, 0]


def _vectors(column: Any) -> NDArray[np.float32]:
    """Return a column of lists, shape ``(n, length)``."""
    if not _is_number(column.type.value_type):
        raise DataError(_NUMBERS, fix="Convert the column", detail=f"column 'x' is of type {column.type}")
    compute = optional_package("pyarrow.compute", "parquet", "Parquet files")
    lengths: NDArray[np.int64] = compute.list_value_length(column).to_numpy()
    if len(np.unique(lengths)) > 1 or not lengths[0]:
        odd = int(np.argmax(lengths != lengths[0]))
        raise DataError(
            "The lists of the column 'x' must be of one length, and not empty",
            fix="Make them equally long",
            detail=f"row {odd + 1} has {lengths[odd]} numbers, the first row {lengths[0]}",
        )
    parts = [chunk.flatten() for chunk in column.chunks]
    for part in parts:
        if part.null_count:
            raise DataError(
                "A table must have no empty cells", fix="Fill them", detail="column 'x' has lists with gaps"
            )
    return _finite(np.concatenate([part.to_numpy() for part in parts]).reshape(len(lengths), -1), "x")


def _finite(values: NDArray[Any], name: str) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused
        x = values.astype(np.float32)
    good = np.isfinite(x).all(axis=1)
    if not good.all():
        row = int(np.argmin(good))
        raise DataError(
            "Every number of a table must be finite, and fit into 32 bits",
            fix="Fill the gaps, or leave those rows out",
            detail=f"row {row + 1}, column {name!r}: {values[row][~np.isfinite(x[row])][0]}",
        )
    return x


def _is_number(kind: Any) -> bool:
    types = optional_package("pyarrow.types", "parquet", "Parquet files")
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))


def _is_list(kind: Any) -> bool:
    types = optional_package("pyarrow.types", "parquet", "Parquet files")
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))
