"""What is new in the folder of a run that is under way: later events of its journal, and now and then a whole document.

Events are cheap and tell of trials and costs; fronts, importances and what nodes get take a look at everything. So a
document is made again only after events, at the end of a run, and else no more often than a twentieth of the time goes
into it: whoever watches a search on one machine with it should not slow it down.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from common.errors import FlwrNasError
from server_app.journal import finite
from server_app.report.document import document_of
from server_app.run_folder import JOURNAL, RESULT

PART = 20
LEAST = 5.0
"""Seconds at least from one document to the next."""


class Tail:
    """The lines of a journal as they are written.

    Parameters
    ----------
    path : Path
        The file, which need not be there yet.
    after : int
        The number of the first event that is wanted.
    """

    def __init__(self, path: Path, after: int) -> None:
        self._path, self._after, self._place = path, after, 0

    def read(self) -> list[dict[str, Any]]:
        """Return the events that came since; a line that is not whole yet comes later."""
        try:
            if self._path.stat().st_size < self._place:  # another journal, or one that was cut off to go on
                self._place = 0
            with self._path.open("rb") as file:
                file.seek(self._place)
                lines, _, _ = file.read().rpartition(b"\n")
        except OSError:
            return []
        if not lines:
            return []
        self._place += len(lines) + 1
        events = [event for event in map(_event, lines.split(b"\n")) if event.get("n", -1) >= self._after]
        if events:
            self._after = events[-1]["n"] + 1
        return events


def _event(line: bytes) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) and "event" in event else {}


def news_of(
    folder: Path, after: int, *, pause: float = 1.0, clock: Callable[[], float] = time.monotonic
) -> Iterator[tuple[str, Any]]:
    """Yield without an end what is new: ``journal`` with events, ``document`` with a document, or ``nothing``.

    Parameters
    ----------
    folder : Path
        Of the run.
    after : int
        The number of the first event that is wanted.
    pause : float
        Seconds between two looks.
    clock : callable
        Returns seconds.
    """
    tail, due, ended = Tail(folder / JOURNAL, after), clock() + LEAST, result_written(folder)
    stale = True  # it may have ended since the page was made
    while True:
        if events := tail.read():
            stale = True
            yield "journal", [finite(event) for event in events]
        if (now := result_written(folder)) != ended or (stale and clock() >= due):
            began, ended, stale = clock(), now, False
            document = _document(folder)
            due = clock() + max(LEAST, PART * (clock() - began))
            if document is not None:
                yield "document", document
        if not events:
            yield "nothing", None
        time.sleep(pause)


def _document(folder: Path) -> Any:
    try:
        return finite(document_of(folder))
    except FlwrNasError:
        return None


def result_written(folder: Path) -> float:
    """Return when the result of a run was written; 0 before."""
    try:
        return (folder / RESULT).stat().st_mtime
    except OSError:
        return 0.0
