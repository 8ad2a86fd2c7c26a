"""A line that moves while people wait for what takes seconds, and is gone afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


@contextmanager
def waiting(what: str, console: Console | None = None) -> Iterator[None]:
    """Show what is being done, and for how long; nothing where there is no terminal.

    Parameters
    ----------
    what : str
        What is being done.
    console : Console, optional
        Where; by default the error output, so that what a command prints can go into a file.
    """
    console = console or Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        progress.add_task(escape(what), total=None)
        yield
