"""The run folder: a journal of events, one JSON line each, and files written aside and renamed.

- ``config.yaml``: the whole configuration
- ``journal.jsonl``: what happened, as it happens
- ``result.json``: winner, baseline, counts, seconds, versions
- ``history.json``: all trials, ranked
- ``best/spec.json``, ``best/model.safetensors``: the model that was found
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from common.errors import StorageError
from common.files import write_aside

Listener = Callable[[dict[str, Any]], None]


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
                self._file = path.open("a", encoding="utf-8")
            except OSError as error:
                raise StorageError("The run folder must be writable", str(path), fix=f"{error}; set run.dir") from None

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
    """Return `folder`, or where there is none a new one under runs/, named by the time and the search."""
    if folder is not None:
        return Path(folder)
    stem = Path("runs") / f"{time.strftime('%Y-%m-%d_%H-%M-%S')}-{name}"
    new, number = stem, 1
    while new.exists():
        number += 1
        new = stem.with_name(f"{stem.name}-{number}")
    return new


def check_fresh(path: Path) -> None:
    """Raise `StorageError` where a journal is there already: a run never touches another's results."""
    if path.is_file() and path.stat().st_size:
        raise StorageError("A run needs a folder of its own", str(path.parent), fix="Set another run.dir")


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
