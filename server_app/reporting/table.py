"""The table at the end: what was found, and what it is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from common.tasks import task_from_record
from server_app.candidates import ROLES
from server_app.reporting.best import INFEASIBLE
from server_app.reporting.classes import render_classes
from server_app.reporting.columns import add_rows, over_what, tests_of, titles
from server_app.reporting.cost import costs_in_words
from server_app.reporting.front import front_of_result
from server_app.reporting.judgement import judgement
from server_app.reporting.personal import personal_of_result
from server_app.reporting.words import counted, in_words, size
from server_app.selection import ALONE, BEST, CHEAPEST

_WHY = {
    BEST: "has the best mean score on validation",
    CHEAPEST: "has the fewest MACs within one standard error of the best mean score on validation",
    ALONE: "is the only one that trained to its end and breaks no constraint",
}


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
    add_rows(table, head, columns)
    table.add_row("bytes sent, final training", *(size(column["bytes_sent"]) for column in columns))
    if (runs := max(len(tests_of(column)) for column in columns)) > 1:
        table.caption = f"mean (standard deviation over {runs} seeds)"
    lines = [Text(f"found: {winner['architecture']}  ({winner['id']})")]
    if winner.get("recipe"):
        lines.append(Text(f"trained with {in_words(winner['recipe'])}"))
    if winner.get("feasible") is False:
        which = "; ".join(winner.get("broken") or ["objective.constraints"])
        lines.append(Text(f"What was found {INFEASIBLE} ({which}).", style="yellow"))
    lines += [Text(sentence) for sentence in (*chosen_in_words(result.get("finalists", [])), *judgement(there, head))]
    small_print = [*over_what(columns), _summary(result), *costs_in_words(result)]
    classes = render_classes(result.get("classes", []))
    own, told = personal_of_result(result, head)
    tables = [table, *front_of_result(result), *([] if classes is None else [classes]), *own]
    return Group(*tables, *lines, *told, *(Text(line, style="dim") for line in small_print))


def chosen_in_words(finalists: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return how the winner was chosen among the finalists, in a sentence; nothing where there was no choice."""
    number = counted(len(finalists), "finalist")
    return [f"Of {number} what was found {_WHY[each['why']]}." for each in finalists if each["chosen"]]


def _summary(result: dict[str, Any]) -> str:
    counts, seconds = result["counts"], result["seconds"]
    times = ", ".join(f"{name.replace('_', '-')} {value:.1f} s" for name, value in seconds.items())
    return (
        f"{counted(counts['trials'], 'trial')}, {counted(counts['rounds'], 'trial round')} in "
        f"{counted(counts['exchanges'], 'exchange')}, {counted(counts['messages'], 'message')}, "
        f"{size(counts['bytes_down'])} down, {size(counts['bytes_up'])} up; {times}"
    )
