"""What a benchmark prints: a table for each kind of regret, and what the proposals took."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from server_app.benchmark.record import KINDS
from server_app.reporting.words import SAID_EVERY, clock, counted

_SURE = 0.05
"""A difference with a lower p is marked."""


@contextmanager
def bars(names: Sequence[str], runs: int, console: Console | None = None) -> Iterator[Callable[[str], None]]:
    """Show a bar for each contender while the runs go on; without a terminal a line every `SAID_EVERY` seconds.

    Gives what is to be called with a contender's name after each of its runs.

    Parameters
    ----------
    names : sequence of str
        Of the contenders.
    runs : int
        Of each.
    console : Console, optional
        Where; by default the error output.
    """
    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(len(names) * runs, console)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        tasks = {name: progress.add_task(escape(name), total=runs) for name in names}
        yield lambda name: progress.advance(tasks[name])


class _Lines:
    """Says now and then how many of all runs have ended, and how long the others take at that pace.

    Parameters
    ----------
    total : int
        Runs.
    console : Console
        Where.
    """

    def __init__(self, total: int, console: Console) -> None:
        self._total, self._console = total, console
        self._began = self._said = monotonic()
        self._ended = 0

    def __call__(self, _: str) -> None:
        self._ended += 1
        now = monotonic()
        if now >= self._said + SAID_EVERY:
            self._said = now
            left = (now - self._began) / self._ended * (self._total - self._ended)
            line = f"{self._ended} of {counted(self._total, 'run')} ended; about {clock(left)} left"
            self._console.print(line, highlight=False, soft_wrap=True)


def render(found: Mapping[str, Any]) -> RenderableType:
    """Return the tables of a benchmark.

    Parameters
    ----------
    found : mapping
        Content of benchmark.json.
    """
    short = told_apart([contender["name"] for contender in found["contenders"]])
    contenders = [{**contender, "name": name} for contender, name in zip(found["contenders"], short, strict=True)]
    found = {**found, "contenders": contenders}
    return Group(
        Text(_headline(found), style="bold"),
        *(_regrets(found, kind) for kind in KINDS),
        _times(found),
        Text(_footnote(found), style="dim"),
    )


def told_apart(names: Sequence[str]) -> list[str]:
    """Return names without the words that all of them have, as long as that leaves something of each.

    Examples
    --------
    >>> told_apart(["evolution population_size=5", "evolution population_size=10"])
    ['population_size=5', 'population_size=10']
    >>> told_apart(["random", "evolution"])
    ['random', 'evolution']
    """
    words = [name.split() for name in names]
    common = set.intersection(*map(set, words)) if len(words) > 1 else set()
    short = [" ".join(word for word in each if word not in common) for each in words]
    return short if all(short) else list(names)


def _headline(found: Mapping[str, Any]) -> str:
    table = found["table"]
    allowed = "" if table["allowed"] == table["entries"] else f", {table['allowed']:,} of them allowed"
    return (
        f"{counted(table['entries'], 'architecture')}{allowed}; the best, {table['best']['key']}, is worth "
        f"{table['best']['worth']:.4g}"
    )


def _regrets(found: Mapping[str, Any], kind: str) -> Table:
    contenders = found["contenders"]
    several = len(contenders) > 1
    table = Table(title=f"Regret of {KINDS[kind]}", title_justify="left", title_style="italic")
    table.add_column("after", justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for title in ("mean", "median", "quartiles", *(("difference", "p") if several else ())):
        table.add_column(title, justify="right", no_wrap=True)
    for point in found["checkpoints"]:
        told = [contender["regret"][kind][str(point)] for contender in contenders]
        least = min(values["mean"] for values in told)
        for place, (contender, values) in enumerate(zip(contenders, told, strict=True)):
            style = "bold" if several and values["mean"] == least else ""
            cells = ["" if place else str(point), contender["name"], *_figures(values)]
            cells += _compared(values) if several else []
            table.add_row(*(Text(cell, style=style) for cell in cells), end_section=place == len(contenders) - 1)
    return table


def _figures(values: Mapping[str, float]) -> list[str]:
    return [figure(values["mean"]), figure(values["median"]), f"{figure(values['lower'])} to {figure(values['upper'])}"]


def _compared(values: Mapping[str, float]) -> list[str]:
    """Return the difference to the first contender and its p; nothing of the first itself."""
    if "p" not in values:
        return ["", ""]
    sign = "+" if values["difference"] > 0 else "-" if values["difference"] < 0 else ""
    p = "<0.001" if values["p"] < 0.001 else f"{values['p']:.3f}"
    return [f"{sign}{figure(abs(values['difference']))}", f"{p}{'*' if values['p'] < _SURE else ' '}"]


def _times(found: Mapping[str, Any]) -> Table:
    table = Table()
    table.add_column("ms for a proposal")
    for title in ("mean", "last tenth"):
        table.add_column(title, justify="right", no_wrap=True)
    for contender in found["contenders"]:
        seconds = contender["seconds_per_proposal"]
        cells = (contender["name"], *(figure(1000 * seconds[key]) for key in ("mean", "last_tenth")))
        table.add_row(*map(Text, cells))
    return table


def _footnote(found: Mapping[str, Any]) -> str:
    runs = counted(found["seeds"], "run")
    whole = "whole trainings" if found["table"]["epochs"] else "evaluations"
    compared = ""
    if len(found["contenders"]) > 1:
        first = found["contenders"][0]["name"]
        compared = f"; difference to {first}, in pairs; p by Wilcoxon's signed-rank test, * below {_SURE}"
    stops = any(contender["fidelity"]["name"] != "full" for contender in found["contenders"])
    longest = " Trials that trained longest so far count alone, so a regret may rise." if stops else ""
    return f"{runs} each, {found['parallel']} in flight; after: {whole}{compared}.{longest}"


def figure(value: float) -> str:
    """Return three digits that count of a number of any size, and two decimals at least."""
    return f"{value:.2f}" if value >= 1 else f"{value:.3f}" if value >= 0.001 or value == 0 else f"{value:.1e}"
