"""What the columns of a table are by their names, where no schema says it.

::

    label       the class: names, or whole numbers (another column may be named instead); numbers to be predicted,
                where task=regression says so
    client      optional: whose example it is; numbers or names
    split       optional: train or test, or 0 and 1
    all others  the features of the example: numbers, or words for yes and no

A row without a label is left out. So are columns that count the rows or have no name, and those of dates: they would
tell a network where a row stands in the file. What is left out is told; features have no gaps. A schema allows them,
and more (`common.data.formats.declared`).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.data.formats.cells import Column, Table, is_absent, is_whole_text, listed
from common.data.formats.contents import Contents, named
from common.data.formats.counters import DECLARE, these, without_counters
from common.data.formats.dates import are_dates, are_dates_as_numbers
from common.data.formats.labels import classes_of, labelled, left_out, nothing_left
from common.data.formats.numbers import Numbers, are_padded, loses_digits, numbers_of, truths_of
from common.data.formats.reading import Reading
from common.errors import DataError

_PARTS = {"train": 0, "0": 0, "test": 1, "1": 1}
_LABELS = ("class", "target", "y", "outcome", "diagnosis", "labels", "category")


@dataclass(frozen=True)
class Columns:
    """The columns of a table by what they are for; texts of the header, features in their order."""

    label: str
    features: tuple[str, ...]
    client: str | None
    split: str | None


def contents_of(table: Table, reading: Reading) -> Contents:
    """Make what all formats give from a table.

    Raises
    ------
    DataError
        A column is missing, or a cell is not what its column needs.
    """
    if not table.columns:
        raise DataError("A table must have a row of names and rows below it", fix="Add them", detail="it is empty")
    _check_header(list(table.columns), reading)
    without, notes = without_counters(table, reading.label)
    columns = columns_of(list(without), reading.label, vectors=table.vectors is not None)
    if table.vectors is not None and columns.features:
        raise DataError(
            "A column 'x' of lists must be the only one of features",
            fix="Put all numbers into the lists, or each into a column of its own",
            detail=f"beside it are {listed(list(columns.features))}",
        )
    if not len(table.rows):
        raise DataError("A table must have rows below its header", fix="Add the examples")
    texts = list(table.columns[columns.label].texts())
    there = labelled(texts)
    if not there.any():
        raise nothing_left(columns.label)
    if not there.all():
        notes.append(left_out(~there, columns.label, table.rows))
    rows = table.rows[there]
    y, classes, questions = _labels(table.columns[columns.label].at(there), rows, reading)
    if table.vectors is None:
        x, names, said = _features([table.columns[name].at(there) for name in columns.features], rows)
        notes += said
    else:
        x, names = table.vectors[there], ()
    client = None if columns.client is None else people(filled(table.columns[columns.client].at(there), rows))
    split = None if columns.split is None else table.columns[columns.split].at(there)
    part = None if split is None else parts(split.name, filled(split, rows), rows)
    told = (*table.notes, *notes, *questions)
    return Contents(x, y, classes, client, part, told, features=names)


def columns_of(header: Sequence[str], label: str, *, vectors: bool = False) -> Columns:
    """Say what the columns named in `header` are for.

    Raises
    ------
    DataError
        There is no column `label`, or no feature.
    """
    if label not in header:
        raise DataError(
            f"A table must have the column {label!r}, with the class of each example",
            fix="Rename the column with the classes, or name it: label in a node config, --label in a check",
            detail=f"its columns are {listed(list(header))}{_meant(header, label)}",
        )
    client, split = (name if name in header and name != label else None for name in ("client", "split"))
    features = tuple(name for name in header if name not in (label, client, split))
    if not (features or vectors):
        raise DataError("A table must have a column of numbers besides the classes", fix="Add the features")
    return Columns(label, features, client, split)


def people(texts: Sequence[str]) -> NDArray[np.int64]:
    """Return whole numbers as they are, and a number for each different text of all others."""
    if all(is_whole_text(text) and abs(int(text)) < 2**53 for text in texts):
        return np.array([int(text) for text in texts], dtype=np.int64)
    return named(texts)[0]


def parts(name: str, texts: Sequence[str], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return 0 for train and 1 for test."""
    found = [_PARTS.get(text.lower(), -1) for text in texts]
    if -1 in found:
        at = found.index(-1)
        raise DataError(
            f"The column {name!r} must say train or test (or 0 and 1) in each row",
            fix="Correct it, or leave the column out",
            detail=f"row {rows[at]}, column {name!r}: {texts[at]!r}",
        )
    return np.array(found, dtype=np.int64)


def float32_of(values: NDArray[np.float64], column: Column, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return numbers as a network takes them; a gap stays one, and what does not fit is refused."""
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused
        x: NDArray[np.float32] = values.astype(np.float32)
    if np.isinf(x).any():
        at = int(np.argmax(np.isinf(x)))
        raise DataError(
            "Every number of a table must be finite, and fit into 32 bits",
            fix="Correct the cell, or leave that row out",
            detail=f"row {rows[at]}, column {column.name!r}: {list(column.texts())[at]!r}",
        )
    return x


def no_number(column: Column, found: Numbers, rows: NDArray[np.int64], way_out: str) -> DataError:
    """Return the error of a column that was to hold numbers."""
    texts = list(column.texts())
    if found.how:
        return DataError(
            "A number must be written so that it can be read in one way only",
            fix="Write decimals with a point, and nothing between thousands",
            detail=f"row {rows[found.odd]}, column {column.name!r}: {found.how}",
        )
    held = [text for text in set(texts) if not is_absent(text)]
    cell = f"row {rows[found.odd]}, column {column.name!r}: {texts[found.odd]!r}"
    rule = "Every column of a table but label, client and split must hold numbers"
    if 2 * sum(text[:1].isdigit() or text[1:2].isdigit() for text in held) >= len(held):
        return DataError(rule, fix=f"Correct the cell, or {way_out}", detail=cell)
    more = f", and it holds {len(held)} different texts" if len(held) > 1 else ""
    return DataError(rule, fix=way_out[0].upper() + way_out[1:], detail=cell + more)


def ways_told(found: Mapping[str, Numbers]) -> list[str]:
    """Say in which columns numbers were not plain, and how they were read: the same way once."""
    told = [(name, each.how) for name, each in found.items() if each.values is not None and each.how]
    notes = []
    if told:
        (name, how), others = told[0], [repr(name) for name, _ in told[1:]]
        notes.append(f"In the column {name!r} {how}" + (f"; so it is in {', '.join(others)}." if others else "."))
    large = {name: each.values for name, each in found.items() if each.values is not None and loses_digits(each.values)}
    days = [name for name, values in large.items() if are_dates_as_numbers(values)]
    lost = "Whole numbers of {} have more digits than a network's numbers have (7 or so), and the last ones are lost. "
    if days:
        notes.append(lost.format(listed(days)) + "They look like dates: say role: date in a schema.")
    if others := [name for name in large if name not in days]:
        notes.append(
            lost.format(listed(others)) + "Subtract one number from all of them, or say role: ignore in a schema."
        )
    return notes


def _labels(
    column: Column, rows: NDArray[np.int64], reading: Reading
) -> tuple[NDArray[np.int64] | NDArray[np.float32], NDArray[np.str_] | None, tuple[str, ...]]:
    """Return labels, names of classes, and what to tell; where a regression is asked for, labels are its numbers."""
    if reading.task != "regression":
        return classes_of(column, rows)
    found = numbers_of([column])[column.name]
    if found.values is None:
        raise DataError(
            "A regression needs numbers, and these labels are none",
            fix="Correct the cell, name the column of numbers as the label, or leave out task=regression",
            detail=f"row {rows[found.odd]}, column {column.name!r}: "
            + (found.how or repr(list(column.texts())[found.odd])),
        )
    return float32_of(found.values, column, rows), None, tuple(ways_told({column.name: found}))


def filled(column: Column, rows: NDArray[np.int64]) -> list[str]:
    """Return the texts of a client or a split, none of which may be empty."""
    texts = list(column.texts())
    if "" in texts:
        raise DataError(
            "A client or a split must be said in each row",
            fix="Fill the cells, or leave those rows out",
            detail=f"row {rows[texts.index('')]}, column {column.name!r} is empty{_as_more(texts.count(''))}",
        )
    return texts


def _gap(where: Sequence[str]) -> DataError:
    more = f"; {len(where) - 1} more columns have such" if len(where) > 2 else f"; {where[1]}" if len(where) > 1 else ""
    return DataError(
        "A table must have no empty cells",
        fix="Fill them, leave those rows out, or declare what may be missing in a schema (flwr-nas data check FILE "
        "--write-schema schema.yaml)",
        detail=where[0] + more,
    )


def _features(
    columns: Sequence[Column], rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], tuple[str, ...], list[str]]:
    """Return the features, shape ``(n, features)``, their names, and what to tell; those of dates are left out."""
    found = numbers_of(columns)
    notes: list[str] = []
    dates: list[str] = []
    gaps: list[str] = []
    kept: list[tuple[str, NDArray[np.float32]]] = []
    for column in columns:
        each = found[column.name]
        values = each.values
        if values is None:
            values = truths_of(column)
            if values is None and not each.how and are_dates(list(column.texts())):
                dates.append(column.name)
                continue
            if values is None:
                raise no_number(column, each, rows, f"{DECLARE}, or leave the column out")
            if not set(map(str.lower, column.texts())) <= {"true", "false", ""}:
                notes.append(f"The column {column.name!r} says yes and no, and is read as 1 and 0.")
        x = float32_of(values, column, rows)
        if (missing := np.isnan(x)).any():
            gaps.append(_gap_in(column, int(np.argmax(missing)), int(missing.sum()), rows))
        kept.append((column.name, x))
    if gaps:
        raise _gap(gaps)
    if dates:
        notes.append(f"{these(dates)} left out: what it holds are dates. To use them, {DECLARE}.")
    if not kept:
        raise DataError("A table must have a column of numbers besides the classes", fix="Add the features")
    notes += [*ways_told(found), *_codes_told(columns)]
    return np.stack([x for _, x in kept], axis=1), tuple(name for name, _ in kept), notes


def _codes_told(columns: Sequence[Column]) -> list[str]:
    codes = [column.name for column in columns if are_padded(column)]
    told = f"Zeros before numbers of {listed(codes)} are dropped. If these are codes, say role: category in a schema."
    return [told] if codes else []


def _gap_in(column: Column, first: int, number: int, rows: NDArray[np.int64]) -> str:
    text = list(column.texts())[first]
    said = f" ({text!r})" if text else ""
    return f"row {rows[first]}, column {column.name!r} is empty{said}{_as_more(number)}"


def _as_more(number: int) -> str:
    return "" if number < 2 else f", as {'is' if number == 2 else 'are'} {number - 1} more of that column"


def _check_header(header: Sequence[str], reading: Reading) -> None:
    """Raise `DataError` where the first row holds an example instead of names."""
    if reading.label not in header and sum(_is_number(name) for name in header) * 2 >= len(header):
        raise DataError(
            "The first row of a table must hold the names of its columns",
            fix="Write a row of names above it, that of the classes being label",
            detail=f"the first row is {listed(list(header))}",
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def likely_label(header: Sequence[str], label: str) -> str:
    """Return the column that may hold the labels; empty where none looks like it."""
    same = [name for name in header if name.casefold() == label.casefold()]
    near = difflib.get_close_matches(label.casefold(), [name.casefold() for name in header], 1, 0.75)
    named_so = [name for name in header if name.casefold() in _LABELS]
    return next(iter([*same, *(name for name in header if name.casefold() in near), *named_so]), "")


def _meant(header: Sequence[str], label: str) -> str:
    found = likely_label(header, label)
    return f'; {found!r} may be meant (label="{found}")' if found else ""
