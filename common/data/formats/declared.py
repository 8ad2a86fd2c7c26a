"""Tables whose columns a schema declares, in any order and whatever program wrote them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from common.data.formats.cells import Column, Table, is_absent, listed
from common.data.formats.columns import filled, float32_of, no_number, parts, people, ways_told
from common.data.formats.contents import Contents
from common.data.formats.dates import dates_of
from common.data.formats.labels import labelled, left_out, nothing_left
from common.data.formats.numbers import TRUTHS, Numbers, numbers_of
from common.errors import DataError
from common.preprocessing.expand import EMPTY, OTHER, expand, expansion_of
from common.preprocessing.schema import Declared, Schema

_WITH_UNIT = re.compile(r"(.+?)\s*[(\[]([^()\[\]]+)[)\]]")
_YES_NO = {**TRUTHS, "1": 1.0, "0": 0.0}
_ALL_SITES = "in the schema of all sites"

Rows = NDArray[np.int64]


def contents_by(table: Table, schema: Schema) -> Contents:
    """Make what all formats give from a table and the schema of its columns.

    Raises
    ------
    DataError
        A column is missing or in another unit, or a cell is not what its column declares.
    """
    if not len(table.rows):
        raise DataError("A table must have rows below its header", fix="Add the examples")
    columns, notes = matched(table, schema, [column for column in schema.columns if column.role != "ignore"])
    there = is_labelled(columns, schema, table.rows)
    if not there.any():
        raise nothing_left(schema.learnt[0].name)
    if not there.all():
        notes.append(left_out(~there, schema.learnt[0].name, table.rows))
    kept = {name: column.at(there) for name, column in columns.items()}
    rows = table.rows[there]
    x, told = features_of(kept, schema, rows)
    told += ways_told(numbers_of([kept[column.name] for column in schema.targets]))
    client, split = schema.of_role("client"), schema.of_role("split")
    return Contents(
        x,
        learnt_of(kept, schema, rows),
        np.array(schema.classes) if schema.classes else None,
        None if client is None else people(filled(kept[client.name], rows)),
        None if split is None else parts(split.name, filled(kept[split.name], rows), rows),
        (*table.notes, *notes, *told),
        features=expansion_of(schema).names,
        schema=schema,
    )


def features_of(columns: Mapping[str, Column], schema: Schema, rows: Rows) -> tuple[NDArray[np.float32], list[str]]:
    """Return the vectors of rows, shape ``(n, width)``, and what was done that their people should know.

    Errors as of `contents_by`.
    """
    declared = [column for column in schema.features if column.role == "number"]
    numbers = numbers_of([columns[column.name] for column in declared])
    notes = ways_told(numbers)
    values: dict[str, NDArray[np.float64]] = {}
    gaps: list[str] = []
    for column in schema.features:
        found = columns[column.name]
        if column.role == "number":
            values[column.name] = _number(found, column, numbers[column.name], rows)
        elif column.role == "category":
            values[column.name] = _category(found, column, rows)
        else:
            values[column.name] = _truths(found, rows) if column.role == "yes_no" else _dates(found, rows)
        missing = values[column.name] == EMPTY if column.role == "category" else np.isnan(values[column.name])
        if missing.any() and not column.may_lack:
            first = int(np.argmax(missing))
            more = f", as {int(missing.sum())} in all" if missing.sum() > 1 else ""
            gaps.append(f"row {rows[first]}, column {column.name!r} is empty{more}")
        if column.other and (number := int((values[column.name] == OTHER).sum())):
            notes.append(f"In the column {column.name!r}, {number} rows have a value that the schema does not list.")
    if gaps:
        raise DataError(
            "A column must have no empty cells unless the schema declares them",
            fix=f"Fill them, leave those rows out, or say missing: true {_ALL_SITES}",
            detail="; ".join(gaps[:5]) + (f"; and {len(gaps) - 5} more columns" if len(gaps) > 5 else ""),
        )
    return expand(schema, values), notes


def learnt_of(columns: Mapping[str, Column], schema: Schema, rows: Rows) -> NDArray[np.int64] | NDArray[np.float32]:
    """Return what is to be learnt.

    That is the places of classes in the schema, shape ``(n,)``; or of several labels 1 where one is there and 0 where
    not, shape ``(n, labels)``; or targets, shape ``(n, targets)``. No row may lack one; errors as of `contents_by`.
    """
    if schema.targets:
        return _targets(columns, schema, rows)
    if len(schema.labels) == 1:
        return _classes(columns[schema.labels[0].name], schema.classes, rows)
    return np.stack([_truths(columns[label.name], rows) for label in schema.labels], axis=1).astype(np.int64)


def matched(table: Table, schema: Schema, wanted: Sequence[Declared]) -> tuple[dict[str, Column], list[str]]:
    """Return the columns of a schema that are `wanted`, by its names, and what is told of those that it has not.

    Raises
    ------
    DataError
        One is missing, or in another unit.
    """
    found: dict[str, Column] = {}
    used: set[str] = set()
    missing: list[str] = []
    for column in wanted:
        name = column.name if column.name in table.columns else _with_unit(table, column, schema)
        if name is None:
            missing.append(column.name)
        else:
            found[column.name] = replace(table.columns[name], name=column.name)
            used.add(name)
    if missing:
        known = {column.name for column in schema.columns}
        others = [name for name in table.columns if name not in used | known]
        raise DataError(
            "A table must have the columns that its schema declares",
            fix=f"Add them or rename what is called otherwise; what a site lacks must go {_ALL_SITES}",
            detail=f"{listed(missing)} {'is' if len(missing) == 1 else 'are'} missing{_meant(missing, others)}",
        )
    declared = {column.name for column in schema.columns}
    strange = [name for name in table.columns if name not in declared and name not in used]
    verb = "is" if len(strange) == 1 else "are"
    return found, [f"Not in the schema, and left out, {verb} {listed(strange)}."] if strange else []


def _with_unit(table: Table, column: Declared, schema: Schema) -> str | None:
    """Return the column that a table calls by name and unit, such as ``chol (mg/dl)``; None where there is none."""
    declared = {each.name for each in schema.columns}
    for name in table.columns:
        said = _WITH_UNIT.fullmatch(name)
        if said is None or said[1] != column.name or name in declared:
            continue
        if said[2].strip().casefold() == column.unit.casefold():
            return name
        raise DataError(
            "A number must be in the unit that the schema declares",
            fix="Convert the column and rename it, or, where it is the same unit, leave it out of the column's name",
            detail=f"column {name!r}, where the schema has {column.name!r} in {column.unit or 'no unit'}",
        )
    return None


def _meant(missing: Sequence[str], others: Sequence[str]) -> str:
    """Say which columns may be those that are missing."""
    folded = {name.casefold(): name for name in others}
    near = {name: difflib.get_close_matches(name.casefold(), folded, 1, 0.8) for name in missing}
    told = [f"{folded[match[0]]!r} may be {name!r}" for name, match in near.items() if match]
    return "; " + ", ".join(told) if told else f"; the table has {listed(list(others))} besides" if others else ""


def is_labelled(columns: Mapping[str, Column], schema: Schema, rows: Rows) -> NDArray[np.bool_]:
    """Return which rows have what is to be learnt."""
    if schema.labels:
        there = [labelled(list(columns[label.name].texts()), label.classes) for label in schema.labels]
        return np.asarray(np.stack(there).all(axis=0))
    numbers = _target_numbers(columns, schema, rows)
    missing: NDArray[np.bool_] = np.isnan(np.stack(numbers))
    return np.asarray(~missing.any(axis=0))


def _target_numbers(columns: Mapping[str, Column], schema: Schema, rows: Rows) -> list[NDArray[np.float64]]:
    read = numbers_of([columns[column.name] for column in schema.targets])
    return [_number(columns[column.name], column, read[column.name], rows) for column in schema.targets]


def _targets(columns: Mapping[str, Column], schema: Schema, rows: Rows) -> NDArray[np.float32]:
    """Return the targets, shape ``(n, targets)``."""
    values: NDArray[np.float32] = np.stack(_target_numbers(columns, schema, rows), axis=1).astype(np.float32)
    return values


def _classes(column: Column, classes: Sequence[str], rows: Rows) -> NDArray[np.int64]:
    texts = list(column.texts())
    place = {name: number for number, name in enumerate(classes)}
    strange = [at for at, text in enumerate(texts) if text not in place]
    if strange:
        raise _unknown(column.name, texts, strange, rows, classes, "a class")
    return np.array([place[text] for text in texts], dtype=np.int64)


def _category(column: Column, declared: Declared, rows: Rows) -> NDArray[np.float64]:
    texts = list(column.texts())
    place = {name: number for number, name in enumerate(declared.values)}
    codes = [place.get(text, EMPTY if is_absent(text) else OTHER) for text in texts]
    strange = [at for at, code in enumerate(codes) if code == OTHER]
    if strange and not declared.other:
        raise _unknown(declared.name, texts, strange, rows, declared.values, "a value")
    return np.array(codes, dtype=np.float64)


def _unknown(
    name: str, texts: Sequence[str], strange: Sequence[int], rows: Rows, known: Sequence[str], what: str
) -> DataError:
    held = sorted({texts[at] for at in strange})
    more = "" if what == "a class" else ", or say other: true"
    return DataError(
        f"A cell must hold {what} that the schema lists",
        fix=f"Correct the cells, or add what they hold{more} {_ALL_SITES}",
        detail=f"row {rows[strange[0]]}, column {name!r}: {texts[strange[0]]!r} is none of {listed(list(known))}"
        + (f", nor are {listed(held[1:] if held[0] == texts[strange[0]] else held[:-1])}" if len(held) > 1 else ""),
    )


def _number(column: Column, declared: Declared, found: Numbers, rows: Rows) -> NDArray[np.float64]:
    if found.values is None:
        raise no_number(column, found, rows, f"declare another role {_ALL_SITES}")
    values = np.where(found.values == 0, np.nan, found.values) if declared.zero_means_missing else found.values
    float32_of(values, column, rows)
    if declared.range is not None:
        low, high = declared.range
        outside = (values < low) | (values > high)
        if outside.any():
            at, number, all_ = int(np.argmax(outside)), int(outside.sum()), int((~np.isnan(values)).sum())
            raise DataError(
                "A number must lie within the range that the schema declares",
                fix="Convert the column to the unit of the schema, or correct these cells, or empty them",
                detail=f"row {rows[at]}, column {column.name!r}: {values[at]:g} is not within {low:g} to {high:g}"
                f"{' ' + declared.unit if declared.unit else ''}, as {number} of {all_} numbers are not",
            )
    return values


def _truths(column: Column, rows: Rows) -> NDArray[np.float64]:
    texts = [text.lower() for text in column.texts()]
    values = [np.nan if is_absent(text) else _YES_NO.get(text) for text in texts]
    if None in values:
        at = values.index(None)
        raise DataError(
            "A column of the role yes_no, or each of several labels, holds 1 and 0, or true and false, or yes and no",
            fix=f"Correct the cell, or declare the column a category, or one label with classes, {_ALL_SITES}",
            detail=f"row {rows[at]}, column {column.name!r}: {texts[at]!r}",
        )
    return np.array(values, dtype=np.float64)


def _dates(column: Column, rows: Rows) -> NDArray[np.float64]:
    texts = list(column.texts())
    if all(is_absent(text) for text in texts):
        return np.full(len(texts), np.nan)
    found = dates_of(texts)
    if found.values is None:
        raise DataError(
            "A column of the role date holds dates, such as 2026-01-31",
            fix="Write them so, or declare another role for the column " + _ALL_SITES,
            detail=f"row {rows[found.odd]}, column {column.name!r}: {found.how or repr(texts[found.odd])}",
        )
    return found.values
