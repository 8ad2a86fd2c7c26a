"""A board on a terminal: as much of it as there is room for, and numbers before names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from server_app.reporting.best import INFEASIBLE, figure, worth_at_rung
from server_app.reporting.board import BEFORE, PERSONAL, STAGES, Board, Row
from server_app.reporting.words import clock, counted

_STATES = {"finished": "green", "stopped": "yellow", "failed": "red"}
_GAP = 2
_MOST_ENDED = 6
_LEAST_ARCHITECTURE = 8
"""Columns below which an architecture says nothing any more."""


def draw(board: Board, now: float, width: int, height: int) -> RenderableType:
    """Return what a terminal shows of a search.

    Parameters
    ----------
    board : Board
        Its search has begun.
    now : float
        Seconds by the run's clock.
    width, height : int
        Columns and lines that there are.
    """
    top: list[Text | Table] = [_bars(board, now, width), *_best(board, width)]
    notes = [line for note in board.notes for line in _lines(Text(f"! {note}", style="yellow"), width)]
    bars = 2 + bool(board.warm_up) + len(_begun(board))
    rows = height - bars - (len(top) - 1) - len(notes) - 1  # and the head of the table
    return Group(*top, _table(_shown(board, max(rows, 1)), width), *notes)


def _lines(text: Text, width: int) -> list[Text]:
    """Cut a text into lines no longer than `width`, two at most."""
    lines = text.wrap(Console(width=width), width)
    if len(lines) > 2:
        lines[1].append(" ...")
        lines[1].truncate(width, overflow="ellipsis")
    return list(lines[:2])


def _bars(board: Board, now: float, width: int) -> Table:
    grid = Table.grid(padding=(0, _GAP))
    before = next((title for label, title in BEFORE.items() if board.stage == label or board.named(label)), "")
    bars = [(before, board.warmed_up, board.warm_up)] if board.warm_up else []
    bars.append(("search", board.ended, board.total))
    for label in _begun(board):
        models = board.named(label).values()
        done = sum(row.rounds for row in models if row.state == "running")
        done += board.final_rounds * sum(row.state != "running" for row in models)
        bars.append((STAGES[label], done, max(1, board.final_rounds * board.models[label])))
    for title, done, total in bars:
        grid.add_row(title, ProgressBar(total=total, completed=done, width=min(40, width // 3)), f"{done}/{total}")
    nodes = "looking for its nodes" if board.away else counted(len(board.nodes), "node")
    began = now if board.began is None else board.began
    words = [counted(board.rounds, "round"), nodes, clock(now - began)]
    words += ["nodes' own models"] if board.stage == PERSONAL else []
    if (left := board.left(now)) is not None:
        words.append(f"about {clock(left)} left")
    outer = Table.grid()
    outer.add_row(grid)
    outer.add_row(Text(", ".join(words), no_wrap=True, overflow="ellipsis"))
    return outer


def _begun(board: Board) -> list[str]:
    """Return the labels of the stages after the search that have begun."""
    return [label for label in STAGES if board.stage == label or board.named(label)]


def _best(board: Board, width: int) -> list[Text]:
    best = board.best
    if best is None:
        return [Text("best so far: none yet", style="dim")]
    broken = ("", "") if best.get("feasible", True) else (f" ({INFEASIBLE})", "yellow")
    row = board.trials[best["trial"]]
    line = Text.assemble(
        "best so far: ", (worth_at_rung(best), "bold green"), broken, f"  {best['trial']}  {row.architecture}"
    )
    line.truncate(width, overflow="ellipsis")
    why = board.why_lower()
    return [line, *(_lines(Text(f"  {why}", style="dim"), width) if why else [])]


def _shown(board: Board, rows: int) -> list[tuple[str, Row]]:
    """Choose the trials that are shown: the last that run, and before them the last that ended, as rows allow."""
    running = [(name, row) for name, row in board.trials.items() if row.state == "running"]
    ended = [(name, row) for name, row in board.trials.items() if row.state != "running"]
    kept = min(len(ended), _MOST_ENDED, max(rows - len(running), rows // 3))
    return [*ended[len(ended) - kept :], *running[-(rows - kept) :]] if rows > kept else ended[-rows:]


def _table(trials: Sequence[tuple[str, Row]], width: int) -> Table:
    """Lay the trials out; an architecture has what the numbers leave, and is cut where that is too little."""
    scores = list(dict.fromkeys(score for _, row in trials for score in row.values)) or ["score"]
    titles = ["trial", *scores, "rung", "rounds", "state", "parameters"]
    lines = [[name, *_numbers(row, scores)] for name, row in trials]
    widths = [max(cell_len(line[place]) for line in (titles, *lines)) for place in range(len(titles))]
    left = width - sum(widths) - _GAP * len(titles)
    table = Table(box=None, header_style="dim", padding=(0, _GAP, 0, 0), pad_edge=False)
    for title, columns in zip(titles, widths, strict=True):
        justify: Literal["left", "right"] = "left" if title in ("trial", "state") else "right"
        table.add_column(title, width=columns, no_wrap=True, justify=justify)
    if left >= _LEAST_ARCHITECTURE:
        table.add_column("architecture", width=left, no_wrap=True, overflow="ellipsis")
    for (_, row), line in zip(trials, lines, strict=True):
        cells: list[str | Text] = [*line]
        cells[titles.index("state")] = Text(row.state, style=_STATES.get(row.state, "cyan"))
        table.add_row(*cells, *([row.architecture] if left >= _LEAST_ARCHITECTURE else []))
    return table


def _numbers(row: Row, scores: Sequence[str]) -> list[str]:
    worth = [figure(row.values[score], score) if score in row.values else "" for score in scores]
    return [*worth, str(row.rung), str(row.rounds), row.state, f"{row.parameters:,}"]
