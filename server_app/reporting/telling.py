"""How a command tells what it does and finds: to people, with ``--quiet`` to nobody, with ``--json`` to programs.

Errors go to the error output in any case, and exit codes do not depend on it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    from rich.console import RenderableType


class Shown(Protocol):
    """What follows the events of a run's journal."""

    def update(self, event: dict[str, Any]) -> None:
        """Take in one event."""

    def tick(self) -> None:
        """Take note that time passes."""


class Telling(Protocol):
    """What a command has to tell, and when."""

    def progress(self, resumed_at: float | None, unread: Callable[[], None]) -> AbstractContextManager[Shown]:
        """Return what shows a run while it goes on; see `server_app.reporting.progress.Progress`."""

    def waiting(self, what: str) -> AbstractContextManager[None]:
        """Tell what is being done that takes seconds."""

    def bars(self, names: list[str], runs: int) -> AbstractContextManager[Callable[[str], None]]:
        """Tell how far something is that is done so many times for each name; what is given is called after each."""

    def note(self, line: str) -> None:
        """Tell what people should know before it begins."""

    def say(self, line: str, end: str = "\n") -> None:
        """Tell one line of what is done, or was found."""

    def show(self, found: RenderableType) -> None:
        """Tell what was found, as a table or more."""

    def fail(self, message: str) -> None:
        """Tell why something failed."""

    def result(self, document: Mapping[str, Any]) -> None:
        """Tell what came of it: ``status`` is finished, failed or stopped, ``folder`` where it lies, or None."""

    def close(self) -> None:
        """Tell what is to be told at the end of the command."""


class Aloud:
    """Tells people: progress, lines and tables."""

    def progress(self, resumed_at: float | None, unread: Callable[[], None]) -> AbstractContextManager[Shown]:
        """Return a board on a terminal, and lines elsewhere."""
        from server_app.reporting.progress import Progress

        return Progress(resumed_at=resumed_at, unread=unread)

    def waiting(self, what: str) -> AbstractContextManager[None]:
        """Return a line that moves on a terminal."""
        from server_app.reporting.waiting import waiting

        return waiting(what)

    def bars(self, names: list[str], runs: int) -> AbstractContextManager[Callable[[str], None]]:
        """Return a bar for each name on a terminal, and lines elsewhere."""
        from server_app.reporting.benchmark import bars

        return bars(names, runs)

    def note(self, line: str) -> None:
        """Print it beside the output."""
        print(f"flwr-nas: {line}", file=sys.stderr, flush=True)

    def say(self, line: str, end: str = "\n") -> None:
        """Print it."""
        print(line, end=end, flush=True)

    def show(self, found: RenderableType) -> None:
        """Print it."""
        from rich.console import Console

        Console().print(found)

    def fail(self, message: str) -> None:
        """Print it as an error."""
        _error(message)

    def result(self, document: Mapping[str, Any]) -> None:
        """Tell nothing: it has been said in words."""

    def close(self) -> None:
        """Tell nothing."""


class Quiet:
    """Tells nothing but errors and, in a line for each result, the folder where it lies."""

    def progress(self, resumed_at: float | None, unread: Callable[[], None]) -> AbstractContextManager[Shown]:  # noqa: ARG002
        """Return what shows nothing."""
        return Silent()

    def waiting(self, what: str) -> AbstractContextManager[None]:  # noqa: ARG002
        """Return what shows nothing."""
        return nullcontext()

    def bars(self, names: list[str], runs: int) -> AbstractContextManager[Callable[[str], None]]:  # noqa: ARG002
        """Return what shows nothing."""
        return nullcontext(lambda _: None)

    def note(self, line: str) -> None:
        """Tell nothing."""

    def say(self, line: str, end: str = "\n") -> None:
        """Tell nothing."""

    def show(self, found: RenderableType) -> None:
        """Tell nothing."""

    def fail(self, message: str) -> None:
        """Print it as an error."""
        _error(message)

    def result(self, document: Mapping[str, Any]) -> None:
        """Print where it lies."""
        if (folder := document.get("folder")) is not None:
            print(folder, flush=True)

    def close(self) -> None:
        """Tell nothing."""


class Machine(Quiet):
    """Tells one JSON document at the end of the command, and nothing but errors besides.

    Parameters
    ----------
    several : bool
        Whether it is a list of results, as of a sweep.
    """

    def __init__(self, several: bool = False) -> None:
        self._several = several
        self._message = ""
        self._results: list[dict[str, Any]] = []

    def fail(self, message: str) -> None:
        """Print it as an error, and keep it for the result that follows."""
        _error(message)
        self._message = message

    def result(self, document: Mapping[str, Any]) -> None:
        """Keep it for the end, with the reason where it failed."""
        told = {"message": self._message} if self._message else {}
        self._results.append({**document, **told})
        self._message = ""

    def close(self) -> None:
        """Print the document."""
        from server_app.journal import finite

        if self._results:
            print(json.dumps(finite(self._results if self._several else self._results[-1]), indent=2), flush=True)


class Silent:
    """Follows a run, and shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, event: dict[str, Any]) -> None:
        """Take in one event."""

    def tick(self) -> None:
        """Take note that time passes."""


ALOUD: Telling = Aloud()


def _error(message: str) -> None:
    print(f"flwr-nas: {message}", file=sys.stderr, flush=True)
