"""A schema for a table, proposed from what is in it, for a person to confirm.

What is proposed will be given to other sites. So it has no counts and no bounds, which would be somebody's values; of a
category it lists the values that at least `OFTEN` rows have, and puts all others together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.data.formats.cells import Column, Table, in_order, is_absent, is_whole_text, listed
from common.data.formats.columns import columns_of, likely_label
from common.data.formats.counters import COUNTERS, counts_rows, numbers_rows, without_unnamed
from common.data.formats.dates import are_dates, are_dates_as_numbers
from common.data.formats.labels import questions_of
from common.data.formats.numbers import TRUTHS, are_padded, numbers_of
from common.data.schema_file import text_of
from common.errors import DataError
from common.preprocessing.schema import FEATURES, Declared, Schema

OFTEN = 10
"""Rows that have a value of a category for it to be listed."""
_FEW_NUMBERS = 6
"""Different whole numbers, at most, that may be codes."""
_MOST_CODES = 50
_MOST_CLASSES = 100
PEOPLE = re.compile(
    r"(?:client|patient|subject|person|participant|writer|user|pat)s?(?:[ _.-]?(?:id|nr|no|number|#))?#?"
)
"""What a column that says whose an example is may be called, in lower case."""
_FAR = 0.25
"""Part of the median below which no other number lies, where 0 stands apart."""
_STAND_INS = (-99, -999, -9999, -99999, 999, 9999, 99999)


@dataclass(frozen=True)
class Proposal:
    """What is proposed.

    Parameters
    ----------
    columns : tuple of Declared
        In the order of the file.
    remarks : tuple of str
        Of each column, why, or what is to be asked; empty where that is plain.
    """

    columns: tuple[Declared, ...]
    remarks: tuple[str, ...]

    @property
    def schema(self) -> Schema:
        """The schema of these columns; raises `SpecError` where they make none."""
        return Schema(self.columns)

    @property
    def naming(self) -> tuple[str, ...]:
        """Columns of which values are named."""
        return tuple(column.name for column in self.columns if column.values or column.classes)


def propose(table: Table, label: str, task: str = "") -> Proposal:
    """Propose a schema.

    Parameters
    ----------
    table : Table
        As read.
    label : str
        The column of what is to be learnt; where there is none of this name, one that is called like it is taken.
    task : str
        What it is for, see `Reading`: the numbers of a ``regression`` are a target, whole or not.

    Raises
    ------
    DataError
        It has no such column, or nothing else.
    """
    if table.vectors is not None:
        raise DataError("A table whose features are lists needs no schema", fix="Leave the schema out")
    if label not in table.columns and likely_label(list(table.columns), label):
        label = likely_label(list(table.columns), label)
    columns_of(list(table.columns), label)
    named = without_unnamed(table, (label,))[0]
    found = []
    for name, column in table.columns.items():
        if name not in named:
            found.append((Declared(name, "ignore"), "has no name of its own"))
        elif name == label:
            found.append(_label(column, task))
        else:
            found.append(_column(table, column))
    columns = _once(tuple(column for column, _ in found))
    remarks = tuple(remark for _, remark in found)
    if all(column.role not in FEATURES for column in columns):
        raise _no_feature(table, columns, remarks)
    return Proposal(columns, remarks)


def _no_feature(table: Table, columns: Sequence[Declared], remarks: Sequence[str]) -> DataError:
    """Return the error of a table of which nothing is proposed as a feature, with a schema to write by hand."""
    ignored = {column.name: remark for column, remark in zip(columns, remarks, strict=True) if column.role == "ignore"}
    read = numbers_of([table.columns[name] for name in ignored if not PEOPLE.fullmatch(name.lower())])
    numbers = {
        name: Declared(name, "number", missing=bool(np.isnan(each.values).any()))
        for name, each in read.items()
        if each.values is not None and not np.isnan(each.values).all()
    }
    lines = text_of(Schema(tuple(numbers.get(column.name, column) for column in columns))) if numbers else ""
    by_hand = f"; by hand, columns: {{{', '.join(line.strip() for line in lines.splitlines()[1:])}}}"
    return DataError(
        "A schema must have a feature, and none of these columns is proposed as one",
        fix="Add a column that tells something of each example"
        + ("; or, if a column is a feature after all, write the schema by hand, as below" if numbers else ""),
        detail=("; ".join(f"{name!r}: {remark}" for name, remark in ignored.items()) or "there is none besides")
        + (by_hand if numbers else ""),
    )


def _once(columns: tuple[Declared, ...]) -> tuple[Declared, ...]:
    """Return the columns with one client and one split at most: the first of each."""
    seen: set[str] = set()
    kept = []
    for column in columns:
        again = column.role in ("client", "split") and column.role in seen
        kept.append(Declared(column.name, "ignore") if again else column)
        seen.add(column.role)
    return tuple(kept)


def _label(column: Column, task: str) -> tuple[Declared, str]:
    texts = [text for text in column.texts() if not is_absent(text)]
    different = set(texts)
    again = all(map(is_whole_text, different)) and len(different) <= _MOST_CLASSES and 2 * len(different) <= len(texts)
    if again and task != "regression":
        return _classes(column.name, different)
    if numbers_of([column])[column.name].values is not None:
        return Declared(column.name, "target"), "a number to learn; say its unit"
    return _classes(column.name, different)


def _classes(name: str, different: set[str]) -> tuple[Declared, str]:
    if len(different) < 2:
        raise DataError(
            "A schema names all classes that there are at any site, and this table has fewer than 2",
            fix="Write the schema at a site that has more",
            detail=f"column {name!r} holds {listed(in_order(different)) or 'nothing'}",
        )
    if len(different) > _MOST_CLASSES:
        raise DataError(
            "A label has classes that occur again and again",
            fix="Name the column that holds the classes with --label",
            detail=f"column {name!r} holds {len(different)} different texts",
        )
    names = in_order(different)
    asked = (*questions_of(names), "add the classes that only other sites have")
    return Declared(name, "label", classes=tuple(names)), asked[0]


def _column(table: Table, column: Column) -> tuple[Declared, str]:
    texts = list(column.texts())
    held = [text for text in texts if not is_absent(text)]
    return _by_name(table, column.name, held, len(texts)) or _by_cells(column, texts, held)


def _by_name(table: Table, name: str, held: list[str], rows: int) -> tuple[Declared, str] | None:
    """Return what a column is that its name, or its place in the table, tells; None where they do not."""
    if name.lower() == "split" and {text.lower() for text in held} <= {"train", "test", "0", "1"}:
        return Declared(name, "split"), ""
    if PEOPLE.fullmatch(name.lower()) and held:
        if len(held) < rows:
            return Declared(name, "ignore"), "would be the client, but is not said in each row"
        return Declared(name, "client"), "whose example it is"
    if counts_rows(table, name) or (name.lower() in COUNTERS and numbers_rows(table, name)):
        return Declared(name, "ignore"), "numbers the rows"
    return None if held else (Declared(name, "ignore"), "is empty")


def _by_cells(column: Column, texts: list[str], held: list[str]) -> tuple[Declared, str]:
    name, different, missing = column.name, set(held), len(held) < len(texts)
    numbers = numbers_of([column])[name].values
    if len(different) > 1 and {text.lower() for text in different} <= {*TRUTHS, "0", "1"}:
        return Declared(name, "yes_no", missing=missing), ""
    codes = (
        all(map(is_whole_text, different)) and 1 < len(different) <= _FEW_NUMBERS and len(held) >= 3 * len(different)
    )
    if are_dates(texts) if numbers is None else are_dates_as_numbers(numbers):
        return Declared(name, "ignore"), "a date; role: date makes it a number of days"
    padded = are_padded(column)
    if numbers is not None and not codes and not padded:
        return _number(name, numbers)
    if len(different) > min(_MOST_CODES, len(held) / 2):
        return Declared(name, "ignore"), "texts of which few occur twice"
    return _category(name, held, missing=missing, few=numbers is not None and not padded)


def _number(name: str, numbers: NDArray[np.float64]) -> tuple[Declared, str]:
    declared = Declared(name, "number", missing=bool(np.isnan(numbers).any()))
    held = numbers[~np.isnan(numbers)]
    if odd := stand_ins(numbers):
        return declared, f"does {odd[0]} mean missing? If so, empty those cells, and say missing: true"
    rest = held[held != 0]
    if len(rest) in (0, len(held)):
        return declared, "0 in each row: does that mean missing?" if len(held) and not len(rest) else ""
    apart = rest.min() > 0 and rest.min() >= _FAR * np.median(rest) and not (rest < 2).any()
    return declared, "0 is far from all others: does it mean missing (zero_means_missing: true)?" if apart else ""


def stand_ins(numbers: NDArray[np.floating[Any]]) -> list[int]:
    """Return what may stand for missing in a column: of -999 and its like, what several rows have, far from all others.

    Far is farther than others are from each other.
    """
    odd = np.isin(numbers, _STAND_INS)
    rest = numbers[~odd & ~np.isnan(numbers)]
    if not odd.any() or not len(rest):
        return []
    low, high = rest.min(), rest.max()
    found, counts = np.unique(numbers[odd], return_counts=True)
    far = np.maximum(low - found, found - high) > high - low
    return [int(number) for number in found[far & (counts > 1)]]


def _category(name: str, held: list[str], *, missing: bool, few: bool) -> tuple[Declared, str]:
    counts = Counter(held)
    often = in_order({text for text, count in counts.items() if count >= OFTEN})
    remark = "codes? If they are amounts, role: number" if few else ""
    if not often:
        amounts = "; if they are amounts, role: number" if few else ""
        told = f"no value has {OFTEN} rows, so none is named; list those that may be told{amounts}"
        return Declared(name, "ignore"), told
    declared = Declared(name, "category", values=tuple(often), missing=missing)
    if len(often) < len(counts):
        return replace(declared, other=True), f"values of fewer than {OFTEN} rows are not named"
    return declared, remark
