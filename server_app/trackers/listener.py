"""What a tracker is told of a run, from a thread of its own: whatever it does, the run goes on as it would have."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

from server_app.changes import leaves
from server_app.journal import Journal, events_of
from server_app.run_folder import HISTORY, JOURNAL, RESULT
from server_app.trackers.base import TrackedRun, Tracker
from server_app.trackers.none import NoneTracker
from server_app.trackers.scalars import Scalars
from server_app.wiring import chosen

if TYPE_CHECKING:
    from common.config import Config

PATIENCE = 30.0
"""Seconds that a run waits in the end for what its tracker has not taken yet."""
_NOT_TOLD = ("run.", "tracker.")
"""Options that say nothing about a search; in a URI there may be a password."""

Event = dict[str, Any]


def track(config: Config, folder: Path, journal: Journal) -> Tracking:
    """Let the tracker that a configuration chooses know of all that comes in a journal.

    Parameters
    ----------
    config : Config
        Of the run, with the time when it first began.
    folder : Path
        Of the run, whose journal has what was before.
    journal : Journal
        At the line with which the run begins, or goes on.

    Raises
    ------
    ConfigError
        A package is missing.
    """
    cls, options = chosen(config, "tracker")
    cls.check_installed()
    run = TrackedRun(_id_of(config, folder), config.run.name, folder, _told(config))
    tracking = Tracking(lambda step: cls(replace(run, step=step), options), events_of(folder / JOURNAL), journal)
    if cls is not NoneTracker:
        tracking.start()
    return tracking


class Tracking:
    """A listener of the journal that hands on what it hears to a tracker.

    Parameters
    ----------
    make : callable
        Makes the tracker, from the first step that comes; called in its thread.
    past : sequence of dict
        Events that the tracker had, or could have had, before.
    journal : Journal
        In which it is told, once, that the tracker failed.
    patience : float
        Seconds to wait in the end.
    """

    def __init__(
        self, make: Callable[[int], Tracker], past: Sequence[Event], journal: Journal, patience: float = PATIENCE
    ) -> None:
        self._make, self._past, self._journal, self._patience = make, past, journal, patience
        self._coming: SimpleQueue[Event | tuple[str, list[Path]]] = SimpleQueue()
        self._thread = Thread(target=self._work, name="tracker", daemon=True)  # no process waits for a tracker
        self._failure, self._over = "", True

    def start(self) -> None:
        """Begin to listen."""
        self._over = False
        self._thread.start()
        self._journal.listen(self._hear)

    def finish(self, status: str, folder: Path) -> None:
        """Let the tracker come to its end, and wait for it; see `Tracker.finish`.

        Parameters
        ----------
        status : str
            Of the run.
        folder : Path
            Of the run, with what it found.
        """
        if not self._over:
            self._coming.put((status, _found(folder)))
            self._thread.join(self._patience)
            if self._thread.is_alive():
                self._failure = f"it had not taken everything {self._patience:g} s after the end"
            self._tell()
            self._over = True

    def _hear(self, event: Event) -> None:
        self._tell()
        if not self._over:
            self._coming.put(event)

    def _tell(self) -> None:
        """Say once that the tracker failed: here, for a journal has one writer."""
        if self._failure and not self._over:
            self._over = True
            self._journal.write("tracker_lost", reason=self._failure)

    def _work(self) -> None:
        try:
            scalars = Scalars()
            for event in self._past:
                scalars.take(event)
            tracker = self._make(scalars.step)
            while isinstance(told := self._coming.get(), dict):
                step = scalars.step
                if values := scalars.take(told):
                    tracker.scalars(step, values)
            tracker.finish(*told)
        except BaseException as error:  # what the libraries of others raise can be anything, SystemExit included
            self._failure = f"{type(error).__name__}: {error}"


def _id_of(config: Config, folder: Path) -> str:
    """Return what tells a run from others, also once its folder has moved."""
    known = [config.run.name, config.seed, config.run.started_at, folder.name]
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()[:16]


def _told(config: Config) -> Mapping[str, str | float | bool | None]:
    """Return a configuration by names with dots; lists and the like as JSON."""
    return {
        name: value if isinstance(value, str | int | float | None) else json.dumps(value)
        for name, value in leaves(asdict(config))
        if not name.startswith(_NOT_TOLD)
    }


def _found(folder: Path) -> list[Path]:
    """Return the files that a run has left for others than itself."""
    files = [folder / RESULT, folder / HISTORY, *sorted((folder / "best").glob("*"))]
    return [path for path in files if path.is_file()]
