"""Files and folders that hold examples: one module for each format.

Which one reads is told by the suffix, or by being a folder::

    .npz               numpy's archive of arrays
    .csv  .tsv         a table of texts, with a header; also packed, as .csv.gz
    .parquet  .pq      a table of columns with types
    a folder           images, or recordings (.wav, .csv): one folder for each class, or recordings and a labels.csv

Each gives the same `Contents`; what holds for all of them is checked afterwards, in `common.data.ingest`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from common.data.formats import csv, images, npz, parquet, sequences
from common.data.formats.cells import Table
from common.data.formats.columns import contents_of
from common.data.formats.contents import Contents
from common.data.formats.declared import contents_by
from common.data.formats.folders import visible_files
from common.data.formats.labels_csv import LABELS
from common.data.formats.reading import PLAIN, Reading
from common.data.formats.signals import SUFFIXES
from common.errors import DataError

__all__ = ["PLAIN", "Contents", "Reading", "Table", "contents_of", "is_data_file", "is_table", "read", "read_table"]

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


def is_data_file(place: Path) -> bool:
    """Say whether a file has the ending of a format."""
    return _ending(place) in _ENDINGS


def is_table(place: Path) -> bool:
    """Say whether a file has the ending of a table."""
    return _ending(place) in _TABLES and not place.is_dir()


def read_table(path: str) -> Table:
    """Read a table without asking what its columns mean.

    Raises
    ------
    DataError
        As of `read`, and where it is no table.
    """
    place = Path(path)
    _check_there(place)
    if not is_table(place):
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
        return _reader_of_folder(place)
    ending = _ending(place)
    if ending in _TABLES:
        return lambda path, reading: contents_of(_TABLES[ending](path), reading)
    if ending == ".npz":
        return npz.read
    raise DataError(
        f"Data must be a file that ends in {', '.join(_ENDINGS)}, or a folder of images or recordings",
        fix="Give the file the ending of its format, or convert it to one of these",
        detail=f"it is called {place.name}",
    )


def _check_there(place: Path) -> None:
    try:
        exists = place.exists()
    except OSError as error:  # a folder above it may not be entered
        raise _unreadable(error) from error
    if not exists:
        raise DataError(
            "The file must exist",
            fix="Check its path: dataset.path, or data in the node's --node-config",
            detail=f"nothing is at {place}",
        )


def _unreadable(error: OSError) -> DataError:
    return DataError("The file must be readable", fix="Check its permissions", detail=str(error))


def _reader_of_folder(folder: Path) -> Callable[[str, Reading], Contents]:
    """Return what reads a folder: images, unless there are recordings in the folders of the classes, or a table.

    Raises
    ------
    DataError
        There are both.
    """
    labelled = (folder / LABELS).is_file()
    try:
        found = list(visible_files(folder))
    except OSError as error:
        raise _unreadable(error) from error
    files = [path for path in found if path.parent != folder or (labelled and path.name != LABELS)]
    endings = [path.suffix.lower() for path in files if path.parent.name not in ("train", "test")]
    recordings, pictures = (sum(ending in suffixes for ending in endings) for suffixes in (SUFFIXES, images.SUFFIXES))
    if recordings and pictures:
        raise DataError(
            "A folder must hold images or recordings (.wav, .csv), and not both",
            fix="Take the one or the other out",
            detail=f"of its files so many are images: {pictures:,}, and recordings: {recordings:,}",
        )
    return sequences.read if recordings or (labelled and not pictures) else images.read


def _ending(place: Path) -> str:
    name = place.name.lower()
    return next((ending for ending in sorted(_ENDINGS, key=len, reverse=True) if name.endswith(ending)), "")
