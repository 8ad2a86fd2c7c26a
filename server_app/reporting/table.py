"""The table at the end: what was found, against the baseline."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from common.tasks import task_from_record
from server_app.reporting.best import INFEASIBLE
from server_app.reporting.rows import rows_to_show
from server_app.reporting.words import counted


def render(result: dict[str, Any]) -> RenderableType:
    """Return the table of a result.json.

    Parameters
    ----------
    result : dict
        Content of result.json.
    """
    winner, baseline = result.get("winner"), result.get("baseline")
    if not winner:
        return Text("The search found nothing.", style="red")
    table = Table(title=escape(f"{result['name']}, seed {result['seed']}"))
    table.add_column("")
    table.add_column("found", justify="right", style="bold")
    columns = [winner]
    if baseline:
        table.add_column("baseline", justify="right")
        columns.append(baseline)
    for row in rows_to_show(task_from_record(result["task"]).head, [column["test"] for column in columns]):
        table.add_row(row.title, *(_cell(column["test"].get(row.metric), row.form) for column in columns))
    table.add_row("parameters", *(f"{column['parameters']:,}" for column in columns))
    table.add_row("MACs", *(f"{column['macs']:,}" for column in columns))
    table.add_row("bytes sent, final training", *(size(column["bytes_sent"]) for column in columns))
    lines = [Text(f"found: {winner['architecture']}  ({winner['id']})")]
    if winner.get("feasible") is False:
        lines.append(Text(f"What was found {INFEASIBLE} (objective.constraints).", style="yellow"))
    return Group(table, *lines, Text(_summary(result), style="dim"))


def _summary(result: dict[str, Any]) -> str:
    counts, seconds = result["counts"], result["seconds"]
    times = ", ".join(f"{name.replace('_', '-')} {value:.1f} s" for name, value in seconds.items())
    return (
        f"{counted(counts['trials'], 'trial')}, {counted(counts['rounds'], 'trial round')} in "
        f"{counted(counts['exchanges'], 'exchange')}, {counted(counts['messages'], 'message')}, "
        f"{size(counts['bytes_down'])} down, {size(counts['bytes_up'])} up; {times}"
    )


def size(number: float) -> str:
    """Return a number of bytes for people."""
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


def _cell(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)
