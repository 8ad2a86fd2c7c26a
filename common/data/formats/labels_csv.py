"""``labels.csv``: a table beside files that says what each of them is of.

::

    file,label,client,split
    ann/walk1.csv,walking,ann,train

`client` says whose a file is, and `split` is train or test; both may be left out. Files that it does not name are left
out, with a sentence.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from common.data.formats.folders import some, visible_files
from common.errors import DataError

LABELS = "labels.csv"

_PARTS = {"train": 0, "0": 0, "": 0, "test": 1, "1": 1}
_RULE = f"{LABELS} must be a table with the columns file and label"


@dataclass(frozen=True)
class Item:
    """A file, what it is called below its folder, and what is said of it; part 0 is train and 1 is test."""

    path: Path
    name: str
    label: str
    part: int
    client: str = ""


def read_labels(root: Path, label: str) -> tuple[list[Item], list[str]]:
    """Read the table of a folder.

    Parameters
    ----------
    root : Path
        The folder.
    label : str
        The column that holds the labels.

    Returns
    -------
    list of Item, list of str
        What it names, and what is to be told of other files.

    Raises
    ------
    DataError
        It is malformed.
    OSError
        It cannot be read.
    """
    items = [_item(root, row, label, number) for number, row in enumerate(_rows(root / LABELS, label), 2)]
    if not items:
        raise DataError(f"{LABELS} must name files", fix="Write a row for each")
    twice = [name for name, count in Counter(item.name for item in items).items() if count > 1]
    if twice:
        raise DataError(f"{LABELS} must name each file once", fix="Leave out the others", detail=some(twice))
    if any(bool(item.client) != bool(items[0].client) for item in items):
        raise DataError(
            f"'client' of {LABELS} must be said of all files, or of none", fix="Fill it in, or leave it out"
        )
    known = {item.path for item in items} | {root / LABELS}
    others = [path.relative_to(root) for path in visible_files(root) if path not in known]
    return items, [f"{LABELS} does not name all files, and others are left out: {some(others)}."] if others else []


def _rows(path: Path, label: str) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
            stream.seek(0)
            table = csv.DictReader(stream, delimiter=max(",;\t", key=first.count), skipinitialspace=True, strict=True)
            rows = [{name or "": value or "" for name, value in row.items() if name is not None} for row in table]
            columns = table.fieldnames or []
    except (csv.Error, UnicodeError) as error:
        raise DataError(_RULE, fix="Save it again as CSV (UTF-8)", detail=str(error)) from error
    if not {"file", label} <= set(columns):
        raise DataError(_RULE, fix="Add them, or say what label is called", detail=f"it has {some(columns)}")
    return rows


def _item(root: Path, row: dict[str, str], label: str, number: int) -> Item:
    name, said, part = (row.get(column, "").strip() for column in ("file", label, "split"))
    if not name or not said:
        raise DataError(
            f"Each row of {LABELS} must name a file and its label", fix="Fill it in", detail=f"row {number}"
        )
    if part.lower() not in _PARTS:
        raise DataError(
            f"'split' of {LABELS} must be train or test", fix="Correct it", detail=f"row {number}: {part!r}"
        )
    return Item(root / name, name, said, _PARTS[part.lower()], row.get("client", "").strip())
