"""Files and folders that hold examples: one module for each format.

Which one reads is told by the suffix, or by being a folder::

    .npz               numpy's archive of arrays
    .csv  .tsv         a table of texts, with a header; also packed, as .csv.gz
    .parquet  .pq      a table of columns with types
    a folder           images, one folder for each class

Each gives the same `Contents`; what holds for all of them is checked afterwards, in `common.data.ingest`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from common.data.formats import csv, images, npz, parquet
from common.data.formats.cells import Table
from common.data.formats.columns import contents_of
from common.data.formats.contents import Contents
from common.data.formats.declared import contents_by
from common.data.formats.reading import PLAIN, Reading
from common.errors import DataError

__all__ = ["PLAIN", "Contents", "Reading", "Table", "read", "read_table"]

_TABLES = {
    **dict.fromkeys((".csv", ".tsv", ".csv.gz", ".tsv.gz"), csv.read_table),
    **dict.fromkeys((".parquet", ".pq"), parquet.read_table),
}
_ENDINGS = (".npz", *_TABLES)


def read(path: str, reading: Reading = PLAIN) -> Contents:
    """Read a file or a folder of any format.

    Parameters
    ----------
    path : str
        An absolute path, or one relative to the working directory.
    reading : Reading
        What the data do not say themselves.

    Raises
    ------
    DataError
        Nothing is there, it is malformed, or of a format that we do not know. The text tells nothing of what was
        read; `DataError.detail` does.
    """
    try:
        if reading.schema:
            from common.data.schema_file import load_schema  # it imports yaml

            return contents_by(read_table(path), load_schema(reading.schema))
        return _reader(path)(path, reading)
    except MemoryError as error:
        raise DataError(
            "The data must fit into memory", fix="Use fewer or smaller examples, or a larger machine"
        ) from error


def read_table(path: str) -> Table:
    """Read a table without asking what its columns mean.

    Raises
    ------
    DataError
        As of `read`, and where it is no table.
    """
    place = Path(path)
    _check_there(place)
    if place.is_dir() or _ending(place) not in _TABLES:
        raise DataError(
            "Only a table has columns that a schema can declare",
            fix=f"Name a file that ends in {', '.join(_TABLES)}",
            detail=f"it is called {place.name}",
        )
    return _TABLES[_ending(place)](path)


def _reader(path: str) -> Callable[[str, Reading], Contents]:
    place = Path(path)
    _check_there(place)
    if place.is_dir():
        return images.read
    ending = _ending(place)
    if ending in _TABLES:
        return lambda path, reading: contents_of(_TABLES[ending](path), reading)
    if ending == ".npz":
        return npz.read
    raise DataError(
        f"Data must be a file that ends in {', '.join(_ENDINGS)}, or a folder of images",
        fix="Give the file the ending of its format, or convert it to one of these",
        detail=f"it is called {place.name}",
    )


def _check_there(place: Path) -> None:
    try:
        exists = place.exists()
    except OSError as error:  # a folder above it may not be entered
        raise DataError("The file must be readable", fix="Check its permissions", detail=str(error)) from error
    if not exists:
        raise DataError(
            "The file must exist",
            fix="Check its path: dataset.path, or data in the node's --node-config",
            detail=f"nothing is at {place}",
        )


def _ending(place: Path) -> str:
    name = place.name.lower()
    return next((ending for ending in sorted(_ENDINGS, key=len, reverse=True) if name.endswith(ending)), "")
