"""Files and folders that hold examples: one module for each format.

Which one reads is told by the suffix, or by being a folder::

    .npz               numpy's archive of arrays
    .csv  .tsv         a table of texts, with a header
    .parquet  .pq      a table of columns with types
    a folder           images, or recordings (.wav, .csv): one folder for each class, or recordings and a labels.csv

Each gives the same `Contents`; what holds for all of them is checked afterwards, in `common.data.ingest`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from common.data.formats import csv, images, npz, parquet, sequences
from common.data.formats.contents import Contents
from common.data.formats.folders import visible_files
from common.data.formats.labels_csv import LABELS
from common.data.formats.reading import PLAIN, Reading
from common.data.formats.signals import SUFFIXES
from common.errors import DataError

__all__ = ["PLAIN", "Contents", "Reading", "read"]

_READERS = {".npz": npz.read, ".csv": csv.read, ".tsv": csv.read, ".parquet": parquet.read, ".pq": parquet.read}


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
    place = Path(path)
    try:
        reader = _reader_of_folder(place) if place.is_dir() else _READERS.get(place.suffix.lower())
        exists = place.exists()
    except OSError as error:  # a folder above it may not be entered
        raise DataError("The file must be readable", fix="Check its permissions", detail=str(error)) from error
    if not exists:
        raise DataError(
            "The file must exist", fix="Check its path: dataset.path, or data in the node's --node-config", detail=path
        )
    if reader is None:
        raise DataError(
            f"Data must be a file that ends in {', '.join(_READERS)}, or a folder of images or recordings",
            fix="Give the file the ending of its format, or convert it to one of these",
            detail=f"it is called {place.name}",
        )
    try:
        return reader(path, reading)
    except MemoryError as error:
        raise DataError(
            "The data must fit into memory", fix="Use fewer or smaller examples, or a larger machine"
        ) from error


def _reader_of_folder(folder: Path) -> Callable[[str, Reading], Contents]:
    """Return what reads a folder: images, unless there are recordings in the folders of the classes, or a table.

    Raises
    ------
    DataError
        There are both.
    """
    labelled = (folder / LABELS).is_file()
    files = [path for path in visible_files(folder) if path.parent != folder or (labelled and path.name != LABELS)]
    endings = [path.suffix.lower() for path in files if path.parent.name not in ("train", "test")]
    recordings, pictures = (sum(ending in suffixes for ending in endings) for suffixes in (SUFFIXES, images.SUFFIXES))
    if recordings and pictures:
        raise DataError(
            "A folder must hold images or recordings (.wav, .csv), and not both",
            fix="Take the one or the other out",
            detail=f"of its files so many are images: {pictures:,}, and recordings: {recordings:,}",
        )
    return sequences.read if recordings or (labelled and not pictures) else images.read
