"""The columns of a table that compares models: one for each role, a line for each metric."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.table import Table

from common.tasks import Head
from server_app.reporting.rows import rows_to_show
from server_app.reporting.words import counted


def titles(roles: Iterable[str], head: Head) -> list[str]:
    """Return the titles of columns for these roles of the final training."""
    return [head.constant if role == "constant" else role for role in roles]


def tests_of(entry: Mapping[str, Any]) -> list[dict[str, float]]:
    """Return the tests of an entry of result.json, one for each run that was tested."""
    return [test for test in entry["tests"] if test]


def lines_of(head: Head, entries: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    """Return the lines of the head's metrics, and of what the models cost: a title, and a cell for each entry."""
    columns = [tests_of(entry) for entry in entries]
    lines = []
    for row in rows_to_show(head, [test for tests in columns for test in tests]):
        lines.append((row.title, [cell(tests, row.metric, row.form) for tests in columns]))
        if row.metric == head.primary[0] and any("interval" in entry for entry in entries):
            lines.append(("95 % interval", [_interval(entry, row.form) for entry in entries]))
    lines.append(("parameters", [f"{entry['parameters']:,}" for entry in entries]))
    lines.append(("MACs", [f"{entry['macs']:,}" for entry in entries]))
    return lines


def add_rows(table: Table, head: Head, entries: Sequence[Mapping[str, Any]]) -> None:
    """Add the lines of `lines_of`."""
    for title, cells in lines_of(head, entries):
        table.add_row(title, *cells)


def over_what(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return what the intervals of entries are over, in a sentence; nothing where there are none."""
    units = {"nodes": ("node or person", "nodes or people"), "examples": ("example", "examples")}
    found = {(interval["over"], interval["number"]) for entry in entries if (interval := entry.get("interval"))}
    return [
        f"95 % intervals are by bootstrap over {counted(number, *units[over])} of the test."
        for over, number in sorted(found)
    ]


def _interval(entry: Mapping[str, Any], form: str) -> str:
    """Return both ends, with a digit less than scores have: so they fit into as much, and are not that sure."""
    interval, short = entry.get("interval"), form.replace(".4", ".3")
    return "-" if interval is None else f"{short.format(interval['low'])} to {short.format(interval['high'])}"


def cell(tests: Sequence[Mapping[str, float]], metric: str, form: str) -> str:
    """Return the mean of a metric, and the standard deviation over runs where there are several; a dash without any."""
    values = [test[metric] for test in tests if metric in test]
    if not values:
        return "-"
    mean = form.format(statistics.fmean(values))
    return f"{mean} ({form.format(statistics.stdev(values))})" if len(values) > 1 else mean
