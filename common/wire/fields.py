"""Records and their fields, read from anybody: what is missing or of another kind is a `ProtocolError`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from flwr.app import ConfigRecord, MetricRecord, RecordDict

from common.errors import ProtocolError

_MAX_TEXT = 64 * 1024
_MAX_METRIC = 1e30
"""Squares of larger ones overflow."""

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


def json_of(record: ConfigRecord, name: str) -> dict[str, Any]:
    """Return the JSON object in a field; a text is measured before it is parsed."""
    text = field_of(record, name, str)
    if len(text) > _MAX_TEXT:
        raise ProtocolError(f"The field {name!r} must have {_MAX_TEXT} characters at most", len(text))
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ProtocolError(f"The field {name!r} must be a JSON object", text[:80])
    return value


def rows_of(record: ConfigRecord, kinds: Mapping[str, type[Any]]) -> list[Any]:
    """Return one tuple a job, in the order of `kinds`; the trials must differ, for arrays are keyed by them."""
    columns: list[list[Any]] = [column_of(record, name, kind) for name, kind in kinds.items()]
    if len({len(column) for column in columns}) > 1:
        raise ProtocolError(f"The columns {list(kinds)} must have one length", [len(c) for c in columns])
    trials = column_of(record, "trial", str)
    if len(set(trials)) < len(trials):
        raise ProtocolError("A message must have one job for each trial at most", trials)
    return list(zip(*columns, strict=True))


def metrics_of(record: MetricRecord, rows: int) -> dict[str, list[float]]:
    """Return the columns of a table of metrics with so many rows."""
    columns: dict[str, list[float]] = {}
    for name, values in record.items():
        if not isinstance(values, list) or len(values) != rows:
            raise ProtocolError(f"The metric {name!r} must have one value for each of {rows} results", values)
        columns[name] = [float(value) for value in values]
        if any(math.isfinite(value) and abs(value) > _MAX_METRIC for value in columns[name]):
            raise ProtocolError(f"The metric {name!r} must lie within {_MAX_METRIC:g} of 0", values)
    return columns
