"""Live progress of a run, drawn from the events of its journal."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from common.output import silence
from server_app.reporting.board import Board
from server_app.reporting.lines import line_of
from server_app.reporting.screen import draw
from server_app.reporting.words import SAID_AFTER, SAID_EVERY, counted


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
    clock : callable
        Returns seconds.
    """

    def __init__(
        self,
        console: Console | None = None,
        *,
        resumed_at: float | None = None,
        unread: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.console = console or _Pipe(unread)
        self.board = Board()
        self._resumed_at = resumed_at
        self._clock = clock
        self._began = clock()
        self._due = self._began + SAID_AFTER  # the next line on how far it is
        self._zero = self._began  # of the run's own clock, which stands still while a run is not there
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
        self._zero = self._clock() - event["time"]
        if event["event"] == "start":  # which has a line of its own
            self._due = max(self._due, self._began + SAID_EVERY)
        if self._resumed_at is not None:
            if event.get("started_at") == self._resumed_at:
                self._resumed_at = None
                self._print(event["time"], self.board.before(event))
            else:
                self.board.update(event)
                return
        if self.console.is_terminal and event.get("changes"):
            self._print(event["time"], " ".join(event["changes"]))
        if self.console.is_terminal and event["event"] == "imported":
            self._print(event["time"], _line(event) or "")
        self.board.update(event)
        if not self.console.is_terminal and (line := _line(event)) is not None:
            self._print(event["time"], line)

    def tick(self) -> None:
        """Take note that time passes: without a terminal, say how far the run is every `SAID_EVERY` seconds."""
        now = self._clock()
        if not self.console.is_terminal and now >= self._due:
            self._due = now + SAID_EVERY
            self._print(now - self._zero, self.board.status(now - self._zero) if self.board.total else self._waiting())

    def _print(self, now: float, line: str) -> None:
        text = line if self.console.is_terminal else f"{now:8.1f} s  {line}"
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def _waiting(self) -> str:
        if self.board.doing:
            return f"{self.board.doing} ... {self._clock() - self._began:.0f} s"
        nodes = self.board.nodes
        found = f", {counted(len(nodes), 'node')} so far" if nodes else ""
        what = "Waiting for nodes" if self.board.started else "Starting Flower"
        return f"{what} ... {self._clock() - self._began:.0f} s{found}"

    def _render(self) -> RenderableType:
        if not self.board.total:
            return Text(self._waiting(), style="dim")
        width, height = self.console.size
        room = width - len("^C")  # which would begin a line of its own that is never cleared
        return draw(self.board, self._clock() - self._zero, room, height - 1)


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
