"""A line that moves while people wait for what takes seconds, and is gone afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from server_app.reporting.words import SAID_AFTER


@contextmanager
def waiting(what: str, console: Console | None = None) -> Iterator[None]:
    """Show what is being done, and for how long; where there is no terminal in one line, and not of what is soon done.

    Parameters
    ----------
    what : str
        What is being done.
    console : Console, optional
        Where; by default the error output, so that what a command prints can go into a file.
    """
    console = console or Console(stderr=True)
    if not console.is_terminal:
        with _said_later(what, console):
            yield
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        progress.add_task(escape(what), total=None)
        yield


@contextmanager
def _said_later(what: str, console: Console) -> Iterator[None]:
    options = {"markup": False, "highlight": False, "soft_wrap": True}
    timer = Timer(SAID_AFTER, console.print, [f"{what} ..."], options)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
