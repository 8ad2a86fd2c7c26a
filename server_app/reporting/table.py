"""The table at the end: what was found, and what it is compared with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from common.groups import PORTFOLIO
from common.tasks import Head, task_from_record
from server_app.candidates import ROLES
from server_app.reporting.best import INFEASIBLE
from server_app.reporting.rows import rows_to_show
from server_app.reporting.words import counted, in_words


def render(result: dict[str, Any]) -> RenderableType:
    """Return the table of a result.json.

    Parameters
    ----------
    result : dict
        Content of result.json.
    """
    winner = result.get("winner")
    if not winner:
        return Text("The search found nothing.", style="red")
    table = Table(title=escape(f"{result['name']}, seed {result['seed']}"))
    head = task_from_record(result["task"]).head
    there = {role: entry for role in ROLES if (entry := result.get(role))}  # earlier versions had winner and baseline
    table.add_column("")
    table.add_column("found", justify="right", style="bold")
    for title in titles(list(there)[1:], head):
        table.add_column(title, justify="right")
    columns = list(there.values())
    for row in rows_to_show(head, [column["test"] for column in columns]):
        table.add_row(row.title, *(_cell(column["test"].get(row.metric), row.form) for column in columns))
    table.add_row("parameters", *(f"{column['parameters']:,}" for column in columns))
    table.add_row("MACs", *(f"{column['macs']:,}" for column in columns))
    table.add_row("bytes sent, final training", *(size(column["bytes_sent"]) for column in columns))
    lines = [Text(f"found: {winner['architecture']}  ({winner['id']})")]
    if winner.get("recipe"):
        lines.append(Text(f"trained with {in_words(winner['recipe'])}"))
    if winner.get("feasible") is False:
        lines.append(Text(f"What was found {INFEASIBLE} (objective.constraints).", style="yellow"))
    lines += [Text(sentence) for sentence in _judgement(there, head)]
    return Group(table, *lines, Text(_summary(result), style="dim"))


def titles(roles: Iterable[str], head: Head) -> list[str]:
    """Return the titles of columns for these roles of the final training."""
    return [head.constant if role == "constant" else role for role in roles]


def same(one: dict[str, Any] | None, other: dict[str, Any] | None) -> bool:
    """Return whether two entries of a result are of one architecture that trains with one recipe."""
    return one is not None and other is not None and all(one.get(key) == other.get(key) for key in ("id", "recipe"))


def _judgement(there: dict[str, dict[str, Any]], head: Head) -> list[str]:
    """Return what the winner is worth beside the others, in sentences."""
    winner, baseline = there["winner"], there.get("baseline")
    sentences = []
    if same(winner, baseline):
        began = winner.get("origin") in (PORTFOLIO, "given")
        than = "what it began with: the winner is its" if began else "its baseline: the winner is that"
        sentences.append(f"The search found nothing better than {than} baseline, and the gain is zero.")
    elif baseline:
        sentences.append(f"The baseline is the {_where_from(baseline)}: {baseline['architecture']} ({baseline['id']}).")
    for role, what in (("linear", "a linear model"), ("constant", f"predicting the {head.constant}")):
        if _no_better(winner, there.get(role), head):
            sentences.append(f"The winner is no better than {what}.")
    return sentences


def _no_better(winner: dict[str, Any], other: dict[str, Any] | None, head: Head) -> bool:
    metric, better = head.primary
    ours, theirs = winner["test"].get(metric), other["test"].get(metric) if other else None
    return ours is not None and theirs is not None and bool(ours <= theirs if better == "max" else ours >= theirs)


def _where_from(baseline: dict[str, Any]) -> str:
    if baseline.get("origin") != PORTFOLIO:
        return "one given"
    tried = baseline.get("trial") is not None
    return "best of the portfolio" if tried else "first of the portfolio, of which the search tried nothing"


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
