"""The journal of a run that goes on in another process."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import FederationError
from server_app.launcher.interrupts import Interrupted, Interrupts
from server_app.run_folder import ask_to_stop

if TYPE_CHECKING:
    from server_app.reporting.telling import Shown

STOP_GRACE = 4.0
"""Seconds that a search has to close its journal after Ctrl-C."""

_POLL = 0.1

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_OURS = re.compile(r"^common\.errors\.\w+: ")
_ERROR = re.compile(r"^(?:[\w.]+\.)?\w*(?:Error|Exception)\b")


@dataclass(frozen=True)
class Ending:
    """How a run ended: ``finished``, ``failed`` or ``stopped``, and why."""

    status: str
    message: str = ""


class Tail:
    """Reads the events that are added to a journal from now on.

    `resumed_at` tells which run it is that goes on, if one does.

    Parameters
    ----------
    path : Path
        The file; it may not be there yet. What it holds already belongs to an earlier run.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = path.stat().st_size if path.is_file() else 0
        self._rest = b""
        self.resumed_at: float | None = None

    def visible(self) -> bool:
        """Return whether the run has begun to write here."""
        return self._path.is_file() and self._path.stat().st_size > self._position

    def read(self) -> list[dict[str, Any]]:
        """Return the events that were written since the last call; half a line waits for its other half."""
        if not self._path.is_file():
            return []
        with self._path.open("rb") as file:
            file.seek(self._position)
            new = file.read()
        self._position += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        return [json.loads(line) for line in lines if line.strip()]


class ResumedTail(Tail):
    """Reads all events of a run that is resumed, from its first one on.

    What an earlier run wrote last, perhaps its end, is still there until the journal is cut; that it was cut is known
    by the first line of the resumed run.

    Parameters
    ----------
    path : Path
        The file.
    started_at : float
        Which that line repeats.
    """

    def __init__(self, path: Path, started_at: float) -> None:
        super().__init__(path)
        self.resumed_at = started_at
        self._cut = False
        self._looked = (0, 0)

    def visible(self) -> bool:
        """Return whether the resumed run has begun to write here."""
        if not self._cut and self._changed():
            self._position, self._rest = 0, b""
            self._cut = any(map(self._is_first, super().read()))
            self._position, self._rest = 0, b""
        return self._cut

    def read(self) -> list[dict[str, Any]]:
        """Return the events that were written since the last call; none before the resumed run has begun."""
        return super().read() if self.visible() else []

    def _changed(self) -> bool:
        """Return whether a further look is worth it: a journal may be long."""
        if not self._path.is_file():
            return False
        found = self._path.stat()
        before, self._looked = self._looked, (found.st_size, found.st_mtime_ns)
        return self._looked != before

    def _is_first(self, event: dict[str, Any]) -> bool:
        return event["event"] in ("start", "resuming") and event.get("started_at") == self.resumed_at


def follow(
    tail: Tail,
    run_dir: Path,
    progress: Shown,
    interrupts: Interrupts,
    gone: Callable[[], FederationError | None],
) -> Ending:
    """Show the events of a run until its last one.

    Parameters
    ----------
    tail : Tail
        Its journal.
    run_dir : Path
        Its folder; after Ctrl-C the file ``stop`` in it asks the search to end.
    progress : Progress
        Where to show them.
    interrupts : Interrupts
        The first Ctrl-C asks, a second one no longer waits for the answer.
    gone : callable
        Returns what is wrong if the run can write no further event.

    Raises
    ------
    FederationError
        The run is gone without its last event.
    Interrupted
        It did not end in time after Ctrl-C.
    """
    deadline = None
    while True:
        error = gone()
        for event in tail.read():
            progress.update(event)
            if event["event"] == "end":
                return Ending(event["status"], event["message"])
        progress.tick()
        if error is not None:
            raise error
        if interrupts.count and deadline is None:
            ask_to_stop(run_dir)
            deadline = time.monotonic() + STOP_GRACE
        if deadline is not None and (time.monotonic() > deadline or interrupts.count > 1):
            raise Interrupted
        time.sleep(_POLL)


def last_words(log: Path, since: int = 0) -> str:
    """Return the last error in a log, without the name of a class of ours; nothing where there is none.

    Parameters
    ----------
    log : Path
        The file; it may not be there.
    since : int
        Bytes of it that an earlier command wrote.
    """
    if not log.is_file():
        return ""
    with log.open("rb") as file:
        file.seek(since)
        text = _COLOUR.sub("", file.read().decode(errors="replace"))
    errors = [line.rstrip() for line in text.splitlines() if _ERROR.match(line)]
    return _OURS.sub("", errors[-1]) if errors else ""
