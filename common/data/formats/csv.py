"""Tables as text: a header, then one example a row; `common.data.formats.columns` says what the columns mean.

Read with Python's own csv module, row by row: it knows quotes, and it knows where it is when a cell is wrong.
Fields may be parted by commas, semicolons, tabs or bars: by the one that parts the first rows into equally many.
Texts are UTF-8, or UTF-16 where the file begins as such, or else what Windows wrote in Western Europe, which
its people are told. A file that is packed with gzip is unpacked as it is read, whatever it is called.
"""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import IO, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from common.data.formats.cells import Column, Table, one_form
from common.errors import DataError

_ROWS_AT_ONCE = 512
_LOOKED_AT = 20
"""Rows that show by which sign fields are parted."""
_SIGNS = ",;\t|"
_NO_DECIMAL = re.compile(r"(?<!\d),|,(?!\d)")
"""A comma that can part no decimals."""
_NOT_TEXT = "A .csv file must be a table as text"
_SAVE_AGAIN = "Save it again as CSV (UTF-8)"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_WESTERN = ("cp1252", "latin-1")
"""What a text that is no UTF-8 is: the latter has a character for each byte."""

Row = tuple[int, list[str]]
"""A line's number, as an editor counts, and its cells."""
_Read = TypeVar("_Read")


def read_table(path: str) -> Table:
    """Read a table without asking what its columns mean; errors as in `common.data.formats.read`."""
    return _in_its_encoding(path, _read)


def read_nameless(path: str) -> Table:
    """Read a table whose first row may be one as all others; its columns are called by their places, from 1."""
    return _in_its_encoding(path, _read_nameless)


def _in_its_encoding(path: str, read: Callable[[str, str], _Read]) -> _Read:
    try:
        for encoding in _encodings(path):
            try:
                return read(path, encoding)
            except UnicodeError:
                continue
        raise DataError(_NOT_TEXT, fix=_SAVE_AGAIN, detail="its characters are of no encoding that is known")
    except (csv.Error, zlib.error, EOFError) as error:
        raise DataError(_NOT_TEXT, fix=_SAVE_AGAIN, detail=str(error)) from error
    except gzip.BadGzipFile as error:
        raise DataError(
            "A file that ends in .gz must be packed with gzip", fix="Pack it again", detail=str(error)
        ) from error
    except OSError as error:
        raise DataError("The file must be readable", fix="Check its permissions", detail=str(error)) from error


def _is_packed(path: str) -> bool:
    # no Path: a str may hold what it would change
    with open(path, "rb") as stream:  # noqa: PTH123
        return path.lower().endswith(".gz") or stream.read(2) == b"\x1f\x8b"


def _opened(path: str, encoding: str) -> IO[str]:
    if _is_packed(path):
        return gzip.open(path, "rt", encoding=encoding, newline="")
    return open(path, encoding=encoding, newline="")  # noqa: PTH123


def _encodings(path: str) -> tuple[str, ...]:
    """Return what the text may be encoded in, in the order in which to try."""
    with gzip.open(path) if _is_packed(path) else open(path, "rb") as stream:  # noqa: PTH123
        start = stream.read(4096)
    if not start.strip():
        raise DataError("A table must have a row of names and rows below it", fix="Add them", detail="it is empty")
    if start.startswith(_UTF_16):
        return ("utf-16",)
    if start.startswith(b"PK\x03\x04"):
        raise DataError(_NOT_TEXT, fix="Save it as CSV (UTF-8)", detail="it is a workbook of a spreadsheet")
    if b"\0" in start:
        raise DataError(_NOT_TEXT, fix=_SAVE_AGAIN, detail="it holds bytes that no text has")
    return ("utf-8-sig", *_WESTERN)


class _Parted(NamedTuple):
    """The reader of a file, how many lines are before its first row, what parts cells, and the first lines."""

    reader: Any
    skipped: int
    sign: str
    first: list[str]


@contextmanager
def _parted(path: str, encoding: str) -> Iterator[_Parted]:
    """Give a file, opened at its first row."""
    with _opened(path, encoding) as stream:
        first = [line for line, _ in zip(stream, range(_LOOKED_AT + 1), strict=False)]
        told = first[0].strip().lower() if first else ""
        stream.seek(0)
        sign = told[4:5] if told.startswith("sep=") and len(told) == 5 else ""  # Excel's own way to say it
        if sign:
            stream.readline()
        parting = sign or _sign(first)
        yield _Parted(_reader(stream, parting), 1 if sign else 0, parting, first)


def _read_nameless(path: str, encoding: str) -> Table:
    with _parted(path, encoding) as (reader, skipped, parting, _):
        first: list[str] = next((cells for cells in reader if any(cell.strip() for cell in cells)), [])
        row = (reader.line_num + skipped, [cell.strip() for cell in first])
        names = [str(place) for place, _ in enumerate(first, start=1)]
        blocks, numbers = _blocks(len(first), chain([row], _rows(reader, first, skipped)))
    return Table(_columns(names, blocks, parting), numbers)


def _read(path: str, encoding: str) -> Table:
    with _parted(path, encoding) as (reader, skipped, parting, first):
        header = _header(reader)
        if len(header) == 1:
            _refuse_blanks(first)
        blocks, numbers = _blocks(len(header), _rows(reader, header, skipped))
    western = f"It is not in UTF-8, and was read as Windows writes Western European texts ({encoding})."
    names = dict.fromkeys(header)
    if len(names) < len(header):
        twice = sorted({name for name in names if header.count(name) > 1})
        raise DataError(
            "The columns of a table must have different names",
            fix="Rename them",
            detail=", ".join(repr(name) for name in twice),
        )
    notes = (western,) if encoding in _WESTERN else ()
    return Table(_columns(list(names), blocks, parting), numbers, notes=notes)


def _columns(names: Sequence[str], blocks: Sequence[tuple[NDArray[np.bytes_], ...]], parting: str) -> dict[str, Column]:
    return {name: Column(name, each, semicolons=parting == ";") for name, each in zip(names, blocks, strict=True)}


def _header(reader: Any) -> list[str]:
    """Return the names of the first row that is not blank; a column without one is called as pandas would."""
    for cells in reader:
        if any(cell.strip() for cell in cells):
            return [one_form(cell) or f"Unnamed: {place}" for place, cell in enumerate(cells)]
    return []


def _refuse_blanks(lines: list[str]) -> None:
    """Raise `DataError` where blanks part what a table of one column has in each row."""
    widths = {len(line.split()) for line in lines if line.strip()}
    if len(widths) == 1 and widths != {1}:
        raise DataError(
            "The cells of a table are parted by commas, semicolons, tabs or bars, and blanks part none",
            fix="Save it again with commas",
            detail=f"each row has {widths.pop()} words",
        )


def _reader(stream: Any, sign: str) -> Any:
    return csv.reader(stream, delimiter=sign, strict=True, skipinitialspace=True)


def _sign(lines: list[str]) -> str:
    """Return what parts the fields: of what parts the first rows into equally many, what makes most of them."""
    widths = {}
    for sign in _SIGNS:
        try:
            rows = [row for row in _reader(lines, sign) if row]
        except csv.Error:  # a quoted text goes on after the lines that are looked at
            rows = [row for row in csv.reader(lines[:1], delimiter=sign, skipinitialspace=True) if row]
        widths[sign] = [len(row) for row in rows]
    even = {sign: each[0] for sign, each in widths.items() if each and len(set(each)) == 1}
    if even.get(";", 0) > 1 and not any(_NO_DECIMAL.search(line) for line in lines):
        return ";"  # of rows without names, 0,5;1,5 has three cells by its commas
    if max(even.values(), default=0) > 1:
        return max(even, key=lambda sign: even[sign])
    return max(_SIGNS, key=lambda sign: max(widths[sign][:1], default=0))


def _rows(reader: Any, header: Sequence[str], skipped: int) -> Iterator[Row]:
    """Yield the rows that are not blank; `reader` is one of csv's, whose type has no public name."""
    for cells in _unbroken(reader, skipped):
        if not any(cell.strip() for cell in cells):
            continue
        number = reader.line_num + skipped
        if len(cells) != len(header):
            comment = header[0].startswith("#")
            raise DataError(
                "Every row of a table must have as many cells as the first one",
                fix="Take out what stands above the names of the columns"
                if comment
                else "Complete the row, or put texts with commas in quotes",
                detail=f"row {number} has {len(cells)}, the first one {len(header)}"
                + (f", which is {header[0]!r}" if comment else ""),
            )
        yield number, [cell.strip() for cell in cells]


def _unbroken(reader: Any, skipped: int) -> Iterator[list[str]]:
    """Yield rows; raises `DataError` where quotes, which may go on over many lines, break one."""
    last = reader.line_num
    try:
        for cells in reader:
            yield cells
            last = reader.line_num
    except csv.Error as error:
        raise DataError(
            "Quotes in a table must be closed where their cell ends",
            fix="Close the quote, or take it out",
            detail=f"in what begins in row {last + 1 + skipped}: {error}",
        ) from error


def _blocks(width: int, rows: Iterator[Row]) -> tuple[list[tuple[NDArray[np.bytes_], ...]], NDArray[np.int64]]:
    """Return the cells of each column, as a `Column` has them, and the numbers of rows."""
    blocks: list[list[NDArray[np.bytes_]]] = [[] for _ in range(width)]
    numbers: list[int] = []
    while chunk := list(islice(rows, _ROWS_AT_ONCE)):
        numbers += [number for number, _ in chunk]
        for place, cells in enumerate(zip(*(cells for _, cells in chunk), strict=True)):
            blocks[place].append(np.array([cell.encode() for cell in cells]))
    return [tuple(each) for each in blocks], np.array(numbers, dtype=np.int64)
