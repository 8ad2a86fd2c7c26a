"""Live progress of a run, drawn from the events of its journal."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from common.architecture.spec import ArchitectureSpec
from common.output import silence
from server_app.reporting.lines import INFEASIBLE, figure, line_of, worth
from server_app.reporting.words import counted

_STATES = {"finished": "green", "stopped": "yellow", "failed": "red"}


@dataclass
class Row:
    """One trial as the screen shows it."""

    architecture: str
    origin: str
    rounds: int = 0
    worth: str = ""
    values: dict[str, float] = field(default_factory=dict)
    feasible: bool = True
    state: str = "running"


@dataclass
class Board:
    """What the events say so far.

    Attributes
    ----------
    total, ended : int
        Trials of the search; those that have ended.
    final_total, final_done : int
        Models of the final training; those that were tested.
    away : bool
        Whether the run goes on, and its nodes have not been found yet.
    """

    name: str = "search"
    nodes: set[str] = field(default_factory=set)
    total: int = 0
    ended: int = 0
    final_total: int = 0
    final_done: int = 0
    rounds: int = 0
    best: str = ""
    away: bool = False
    trials: dict[str, Row] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def update(self, event: dict[str, Any]) -> None:
        """Take in one event."""
        handler = getattr(self, f"_on_{event['event']}", None)
        if handler is not None:
            handler(event)

    def _on_start(self, event: dict[str, Any]) -> None:
        self.name = event["name"]

    def _on_node(self, event: dict[str, Any]) -> None:
        self.nodes.add(event["node"])

    def _on_search(self, event: dict[str, Any]) -> None:
        self.total, self.nodes = event["trials"], set(event["nodes"])

    def _on_resuming(self, event: dict[str, Any]) -> None:  # noqa: ARG002
        self.away = True

    def _on_resumed(self, event: dict[str, Any]) -> None:
        self.away = False
        self.nodes = self.nodes - set(event["missing"]) | set(event["new"])
        if event["missing"] or event["new"]:
            self._note(event)

    def _on_final(self, event: dict[str, Any]) -> None:
        self.final_total = event["trials"]

    def _on_proposed(self, event: dict[str, Any]) -> None:
        spec = ArchitectureSpec.from_dict(event["spec"])
        self.trials[event["trial"]] = Row(spec.describe(), event["origin"])

    def _on_round(self, event: dict[str, Any]) -> None:
        self.rounds += 1
        self.trials[event["trial"]].rounds = event["round"]

    def _on_scored(self, event: dict[str, Any]) -> None:
        row = self.trials[event["trial"]]
        row.worth, row.values, row.feasible = worth(event["values"]), event["values"], event.get("feasible", True)

    def _on_best(self, event: dict[str, Any]) -> None:
        if event["trial"].startswith("trial"):
            self.best = event["trial"]

    def _end(self, event: dict[str, Any]) -> None:
        self.trials[event["trial"]].state = event["event"]
        if event["trial"].startswith("final"):
            self.final_done += 1
        else:
            self.ended += 1

    def _on_reopened(self, event: dict[str, Any]) -> None:
        self.trials[event["trial"]].state = "running"
        self.final_done -= 1

    _on_finished = _on_stopped = _on_failed = _end

    def _note(self, event: dict[str, Any]) -> None:
        self.notes = [*self.notes, line_of(event) or ""][-3:]

    _on_anew = _on_node_refused = _on_refused = _on_absent = _on_retried = _on_journal_lost = _on_state_lost = _note


class Progress:
    """Shows a board while a run goes on: a live screen on a terminal, plain lines elsewhere.

    Parameters
    ----------
    console : Console, optional
        Where to draw.
    resumed_at : float, optional
        Of a run that goes on: see `launch`. What its journal says of before is summed up in one line.
    unread : callable, optional
        Called once nobody reads the output any more.
    """

    def __init__(
        self,
        console: Console | None = None,
        *,
        resumed_at: float | None = None,
        unread: Callable[[], None] = lambda: None,
    ) -> None:
        self.console = console or _Pipe(unread)
        self._resumed_at = resumed_at
        self.board = Board()
        self._began = time.monotonic()
        self._zero = self._began  # of the run's own clock, which stands still while a run is not there
        self._searching = 0.0
        self._live = Live(console=self.console, get_renderable=self._render, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.console.is_terminal:
            self._live.stop()

    def update(self, event: dict[str, Any]) -> None:
        """Take in one event of the journal."""
        self._zero = time.monotonic() - event["time"]
        if event["event"] == "search":
            self._searching = event["time"]
        if self._resumed_at is not None:
            if event.get("started_at") == self._resumed_at:
                self._resumed_at = None
                self._print(event["time"], _before(self.board, event))
            else:
                self.board.update(event)
                return
        if self.console.is_terminal and event.get("changes"):
            self._print(event["time"], " ".join(event["changes"]))
        self.board.update(event)
        if not self.console.is_terminal and (line := _line(event)) is not None:
            self._print(event["time"], line)

    def _print(self, now: float, line: str) -> None:
        text = line if self.console.is_terminal else f"{now:8.1f} s  {line}"
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def _render(self) -> RenderableType:
        board = self.board
        if not board.total:
            waited = time.monotonic() - self._began
            found = f", {counted(len(board.nodes), 'node')} so far" if board.nodes else ""
            return Text(f"Starting Flower ... {waited:.0f} s{found}", style="dim")
        width = self.console.width - len("^C")  # which would begin a line of its own that is never cleared
        parts: list[RenderableType] = [self._bars(), _best_line(board), _trial_table(board, width)]
        parts += [Text(f"! {note}", style="yellow") for note in board.notes]
        return Group(*parts)

    def _bars(self) -> Table:
        board, grid = self.board, Table.grid(padding=(0, 2))
        elapsed = time.monotonic() - self._zero - self._searching
        left = elapsed / board.ended * (board.total - board.ended) if board.ended else None
        bars = [("search", board.ended, board.total, "" if left is None else f"about {_clock(left)} left")]
        if board.final_total:
            bars.append(("final training", board.final_done, board.final_total, ""))
        for title, done, total, note in bars:
            grid.add_row(title, ProgressBar(total=total, completed=done, width=40), f"{done}/{total}", note)
        nodes = "looking for its nodes" if board.away else counted(len(board.nodes), "node")
        grid.add_row("", f"{counted(board.rounds, 'round')}, {nodes}, {_clock(elapsed)}")
        return grid


class _Pipe(Console):
    """The output, perhaps into a pipe that somebody closes: that is told, and nothing is printed any more."""

    def __init__(self, unread: Callable[[], None]) -> None:
        super().__init__()
        self._unread = unread

    def on_broken_pipe(self) -> None:
        self.quiet = True
        silence()
        self._unread()


def _line(event: dict[str, Any]) -> str | None:
    """Return the line of an event; why a run failed is said by whoever ends the command, below all lines."""
    return line_of({**event, "message": ""} if event["event"] == "end" else event)


def _before(board: Board, event: dict[str, Any]) -> str:
    """Return what a run had come to when it was interrupted, in one line."""
    if event["event"] == "start":
        return "Nothing was saved of the run yet, so it begins anew."
    trials = f"{board.ended} of {counted(board.total, 'trial')}"
    best = board.trials.get(board.best)
    found = "" if best is None else f"; best so far: {best.worth}, {board.best}"
    stage = ", in the final training" if board.final_total else ""
    return f"---- gone on with after {trials}{stage}{found} ----"


def _best_line(board: Board) -> Text:
    best = board.trials.get(board.best)
    if best is None or not best.worth:
        return Text("best so far: none yet", style="dim")
    broken = ("", "") if best.feasible else (f" ({INFEASIBLE})", "yellow")
    return Text.assemble("best so far: ", (best.worth, "bold green"), broken, f"  {board.best}  {best.architecture}")


def _trial_table(board: Board, width: int) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0), width=width)
    scores = list(dict.fromkeys(name for row in board.trials.values() for name in row.values))
    for title in ("trial", "origin", "rounds", *(scores or ["score"]), "state"):
        table.add_column(title, no_wrap=True, overflow="ellipsis")
    table.add_column("architecture", no_wrap=True, overflow="ellipsis", ratio=1)  # what the others leave
    running = [name for name, row in board.trials.items() if row.state == "running"]
    ended = [name for name, row in board.trials.items() if row.state != "running"]
    for name in [*ended[-6:], *running[-12:]]:
        row = board.trials[name]
        state = Text(row.state, style=_STATES.get(row.state, "cyan"))
        cells = [figure(row.values[score]) if score in row.values else "" for score in scores or [""]]
        table.add_row(name, row.origin, str(row.rounds), *cells, state, row.architecture)
    return table


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} min" if minutes else f"{rest} s"
