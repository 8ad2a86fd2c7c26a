"""The run folder: a journal of events, one JSON line each, and files written aside and renamed.

- ``config.yaml``: the whole configuration
- ``journal.jsonl``: what happened, as it happens
- ``result.json``: winner, baseline, counts, seconds, versions
- ``history.json``: all trials, ranked
- ``best/spec.json``, ``best/model.safetensors``: the model that was found
- ``stop``: there for as long as the run was asked to end and has not
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from common.errors import StorageError
from common.files import write_aside

Listener = Callable[[dict[str, Any]], None]

_LONGEST_NAME = 60
"""Letters of a search's name in that of its folder; a file system has room for 255 bytes."""


class Journal:
    """Events of one run, in memory for the listeners and, where there is a folder, on disk.

    A full disk does not end a search: the journal goes on in memory and says so once.

    Parameters
    ----------
    path : Path, optional
        The file; None keeps nothing.
    listeners : callables
        Called with each event.
    """

    def __init__(self, path: Path | None = None, *listeners: Listener) -> None:
        self._started = time.monotonic()
        self._listeners = list(listeners)
        self._file = None
        if path is not None:
            check_fresh(path)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                # of two that looked at the same time, one creates the file; a device has no first writer
                self._file = path.open("a" if path.is_char_device() else "x", encoding="utf-8")
            except FileExistsError:
                raise _taken(path) from None
            except OSError as error:
                raise _unwritable(path, error) from None

    def listen(self, listener: Listener) -> None:
        """Call `listener` with every later event."""
        self._listeners.append(listener)

    def write(self, event: str, **fields: Any) -> None:
        """Write one event, and flush it."""
        line = {"event": event, "time": round(time.monotonic() - self._started, 3), **fields}
        if self._file is not None:
            try:
                self._file.write(json.dumps(_finite(line)) + "\n")
                self._file.flush()
            except OSError as error:
                self.close()
                self.write("journal_lost", reason=f"{error}; free some space, the search goes on without its journal")
        for listener in self._listeners:
            listener(line)

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


def run_folder(folder: str | None, name: str) -> Path:
    """Return `folder`, or where there is none make a new one under runs/, named by the time and the search.

    Raises
    ------
    StorageError
        No folder can be made here.
    """
    if folder is not None:
        return Path(folder)
    stem = _stem(name)
    new, number = stem, 1
    while True:
        try:
            new.mkdir(parents=True)  # it is ours once we made it, whoever begins in the same second
            return new
        except FileExistsError:
            if not new.parent.is_dir():  # a link to nowhere
                raise _unwritable(new, f"{new.parent} is no folder") from None
            number += 1
            new = stem.with_name(f"{stem.name}-{number}")
        except OSError as error:
            raise _unwritable(new, error) from None


def distant_folder(name: str) -> Path:
    """Return a new name under runs/ for a folder that another machine will make, and that nobody else will think of."""
    stem = _stem(name)
    return stem.with_name(f"{stem.name}-{uuid4().hex[:8]}")


def check_fresh(path: Path) -> None:
    """Raise `StorageError` where a journal is there already: a run never touches another's results."""
    if path.is_file():
        raise _taken(path)


def ask_to_stop(folder: Path) -> None:
    """Ask the run in this folder to end; where that cannot be written, it does not hear of it."""
    with suppress(OSError):
        (folder / "stop").touch()


def asked_to_stop(folder: Path) -> bool:
    """Return whether the run in this folder was asked to end."""
    return (folder / "stop").exists()


def forget_stop(folder: Path) -> None:
    """Take the request back, or away once it was heard."""
    with suppress(OSError):
        (folder / "stop").unlink(missing_ok=True)


def _stem(name: str) -> Path:
    plain = re.sub(r"[^\w.-]+", "-", name).strip("-.")[:_LONGEST_NAME] or "run"
    return Path("runs") / f"{time.strftime('%Y-%m-%d_%H-%M-%S')}-{plain}"


def _taken(journal: Path) -> StorageError:
    return StorageError("A run needs a folder of its own", str(journal.parent), fix="Set another run.dir")


def _unwritable(folder: Path, reason: object) -> StorageError:
    return StorageError("The run folder must be writable", str(folder), fix=f"{reason}; set run.dir")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, aside and renamed; NaN becomes null."""
    write_aside(path, json.dumps(_finite(value), indent=2) + "\n")


def _finite(value: Any) -> Any:
    """Replace NaN and infinities, which JSON lacks, by null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
