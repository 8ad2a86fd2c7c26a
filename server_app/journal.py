"""The journal: one JSON line for each event, numbered, flushed, and never written again."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Self, TypedDict

from common.errors import StorageError
from common.files import write_aside
from server_app.run_folder import taken, unwritable

Listener = Callable[[dict[str, Any]], None]


class Position(TypedDict):
    """Where a journal has come to: the number of its next line, its size in bytes, and the time of its last line."""

    line: int
    bytes: int
    time: float


START = Position(line=0, bytes=0, time=0.0)


class Journal:
    """Events of one run, in memory for the listeners and, where there is a folder, on disk.

    A full disk does not end a search: the journal goes on in memory and says so once.

    Parameters
    ----------
    path : Path, optional
        The file, a new one; None keeps nothing.
    listeners : callables
        Called with each event.
    """

    def __init__(self, path: Path | None = None, *listeners: Listener) -> None:
        self._begin(START, listeners)
        self._file: BinaryIO | None = None
        if path is not None:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                # of two that looked at the same time, one creates the file; a device has no first writer
                self._file = path.open("ab" if path.is_char_device() else "xb")
            except FileExistsError:
                raise taken(path.parent) from None
            except OSError as error:
                raise unwritable(path, error) from None

    @classmethod
    def resumed(cls, path: Path, position: Position, *listeners: Listener) -> Self:
        """Open a journal that is there, and go on at a position: numbers and time go on too.

        What was written after it, perhaps half a line, is cut away. `START` cuts away all, and needs no file.

        Raises
        ------
        StorageError
            The journal was another one when it had this position, or it cannot be written.
        """
        journal = cls()
        journal._begin(position, listeners)
        try:
            check_journal(path, position)
            journal._file = path.open("ab")
            journal._file.truncate(position["bytes"])
        except OSError as error:
            raise unwritable(path, error) from None
        return journal

    def _begin(self, position: Position, listeners: Sequence[Listener]) -> None:
        self._position = position
        self._number = position["line"]
        self._started = time.monotonic() - position["time"]
        self._listeners = list(listeners)

    @property
    def position(self) -> Position | None:
        """Where the file has come to; None where there is none, or a full disk kept it from going on."""
        return None if self._file is None else self._position

    def listen(self, listener: Listener) -> None:
        """Call `listener` with every later event."""
        self._listeners.append(listener)

    def write(self, event: str, **fields: Any) -> None:
        """Write one event, and flush it."""
        now = round(time.monotonic() - self._started, 3)
        line = {"n": self._number, "event": event, "time": now, **fields}
        self._number += 1
        if self._file is not None:
            content = json.dumps(finite(line)).encode() + b"\n"
            try:
                self._file.write(content)
                self._file.flush()
                size = self._position["bytes"] + len(content)
                self._position = Position(line=self._number, bytes=size, time=now)
            except OSError as error:
                self.close()
                self.write("journal_lost", reason=f"{error}; free some space, the search goes on without its journal")
        for listener in self._listeners:
            listener(line)

    def sync(self) -> None:
        """Return once all lines are on the disk, and stay there if the power fails."""
        if self._file is not None:
            with suppress(OSError):  # a device; a disk that is full was found out when the line was written
                os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            with suppress(OSError):  # what could not be flushed is lost, and was said to be
                self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def events_of(path: Path) -> list[dict[str, Any]]:
    """Return the whole lines of a journal, as far as they are its; a device has no end, and none."""
    if not path.is_file():
        return []
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
        events = [json.loads(line) for line in lines]
    except (OSError, ValueError):
        return []
    return events if all(isinstance(event, dict) and "event" in event for event in events) else []


def check_journal(path: Path, position: Position) -> None:
    """Raise `StorageError` unless a journal holds the lines that it had at this position; `OSError` if unreadable."""
    if not position["bytes"]:
        return
    try:
        with path.open("rb") as file:
            kept = file.read(position["bytes"])
    except FileNotFoundError:
        raise _other(path, position, "it is gone") from None
    lines = kept.count(b"\n")
    if len(kept) < position["bytes"]:
        raise _other(path, position, f"only {lines} are left")
    if lines != position["line"] or not kept.endswith(b"\n"):
        raise _other(path, position, "this is another one")


def _other(path: Path, position: Position, why: str) -> StorageError:
    return StorageError(
        f"A run is resumed with the journal that it wrote, up to line {position['line']} ({why})",
        str(path),
        fix="Put that journal back, or begin the run anew in another folder",
    )


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, aside and renamed; NaN becomes null."""
    write_aside(path, json.dumps(finite(value), indent=2) + "\n")


def finite(value: Any) -> Any:
    """Replace NaN and infinities, which JSON lacks, by null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value
