"""Records and their fields, read from anybody: what is missing or of another kind is a `ProtocolError`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from flwr.app import ConfigRecord, MetricRecord, RecordDict

from common.errors import ProtocolError

_MAX_TEXT = 64 * 1024
MAX_METRIC = 1e30
"""Squares of larger ones overflow."""

_MAX_DIGITS = 19
"""Of a whole number in JSON, as in a record's field of 64 bits: Python cannot write or divide by ever larger ones."""

T = TypeVar("T")


def record_of(content: RecordDict, name: str) -> ConfigRecord:
    """Return the record of this name."""
    record = content.config_records.get(name)
    if record is None:
        raise ProtocolError(f"A message must hold the record {name!r}", sorted(content))
    return record


def is_a(value: Any, kind: type) -> bool:
    """Tell whether `value` is of `kind`; a bool is no whole number."""
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def field_of(record: ConfigRecord, name: str, kind: type[T]) -> T:
    """Return a field of this kind."""
    value = record.get(name)
    if not is_a(value, kind):
        raise ProtocolError(f"The field {name!r} must be of type {kind.__name__}", value)
    return cast(T, value)


def column_of(record: ConfigRecord, name: str, kind: type[T]) -> list[T]:
    """Return a field that is a list of this kind."""
    values = field_of(record, name, list)
    if not all(is_a(value, kind) for value in values):
        raise ProtocolError(f"The field {name!r} must be a list of type {kind.__name__}", values)
    return values


def json_of(record: ConfigRecord, name: str, most: int = _MAX_TEXT) -> dict[str, Any]:
    """Return the JSON object in a field."""
    return parsed(name, field_of(record, name, str), most)


def parsed(name: str, text: str, most: int = _MAX_TEXT) -> dict[str, Any]:
    """Return the JSON object in a text of the field `name`; it is measured before it is parsed."""
    if len(text) > most:
        raise ProtocolError(f"The field {name!r} must have {most} characters at most", len(text))
    try:
        value = json.loads(text, parse_int=_whole)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ProtocolError(
            f"The field {name!r} must be a JSON object, its whole numbers of {_MAX_DIGITS} digits at most", text[:80]
        )
    return value


def _whole(digits: str) -> int:
    """Return a whole number of a JSON text; raises `ValueError` for one that is too large."""
    if len(digits.removeprefix("-")) > _MAX_DIGITS:
        raise ValueError("a whole number is too large")
    return int(digits)


def rows_of(record: ConfigRecord, kinds: Mapping[str, type[Any]]) -> list[Any]:
    """Return one tuple a job, in the order of `kinds`; the jobs must differ, for results name them."""
    columns: dict[str, list[Any]] = {name: column_of(record, name, kind) for name, kind in kinds.items()}
    if len({len(column) for column in columns.values()}) > 1:
        raise ProtocolError(f"The columns {list(kinds)} must have one length", [len(c) for c in columns.values()])
    if len(set(columns["job"])) < len(columns["job"]):
        raise ProtocolError("The jobs of a message must have ids that differ", columns["job"])
    return list(zip(*columns.values(), strict=True))


def metrics_of(record: MetricRecord, rows: int) -> dict[str, list[float]]:
    """Return the columns of a table of metrics with so many rows."""
    columns: dict[str, list[float]] = {}
    for name, values in record.items():
        if not isinstance(values, list) or len(values) != rows:
            raise ProtocolError(f"The metric {name!r} must have one value for each of {rows} results", values)
        columns[name] = [float(value) for value in values]
        if any(math.isfinite(value) and abs(value) > MAX_METRIC for value in columns[name]):
            raise ProtocolError(f"The metric {name!r} must lie within {MAX_METRIC:g} of 0", values)
    return columns
