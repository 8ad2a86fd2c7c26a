"""One process writes to a run folder, and what an earlier one left running there is found and ended.

The lock is the operating system's (flock on the file ``lock``), so it ends with its process, however that ends. The
file's content only says who holds it.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import psutil

from common.errors import StorageError
from server_app.machine import boot_id, host, started
from server_app.run_folder import LOCK, PROCESSES, ask_to_stop, forget_stop, unwritable

PATIENCE = 10.0
"""Seconds that an earlier run has to close its journal once it was asked to stop."""

_KILLED = 10.0
"""Seconds until a process that was killed must be gone."""

_POLL = 0.05


@dataclass(frozen=True)
class Holder:
    """Who holds a lock.

    Parameters
    ----------
    pid : int
        The process.
    started : float
        When it was started; see `machine.started`.
    boot, host : str
        Where it runs.
    run : int
        Flower's number of its run.
    """

    pid: int
    started: float | None
    boot: str
    host: str
    run: int


class RunLock:
    """Keeps all others from a run folder while it is entered.

    Parameters
    ----------
    folder : Path
        The run folder; made where it is missing.
    run : int
        Flower's number of the run.

    Raises
    ------
    StorageError
        Another run writes there, or the folder cannot be written.
    """

    def __init__(self, folder: Path, run: int = 0) -> None:
        self._folder = folder
        self._run = run
        self._handle = -1

    def __enter__(self) -> Self:
        path = self._folder / LOCK
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._handle = _locked(path)
            content = json.dumps(asdict(Holder(os.getpid(), started(os.getpid()), boot_id(), host(), self._run)))
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, content.encode(), 0)
        except BlockingIOError:
            raise _held(self._folder, _holder(path)) from None
        except OSError as error:
            self.__exit__()
            raise unwritable(self._folder, error) from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._handle >= 0:
            path = self._folder / LOCK
            with suppress(OSError):
                if _same_file(self._handle, path):  # where it was removed already, it may be another's by now
                    path.unlink()
            os.close(self._handle)
            self._handle = -1


def followed(folder: Path) -> bool:
    """Return whether a command has this folder now: it keeps that itself as long as it follows a simulation."""
    return _is_held(folder)


def under_way(folder: Path) -> bool:
    """Return whether a search runs in this folder now, followed or on a SuperLink.

    A simulation whose command is gone does not count: it ends by itself, and is ended by who goes on with it.
    """
    return followed(folder) or (_is_held(folder / LOCK) and not (folder / PROCESSES).exists())


def end_earlier(folder: Path, patience: float = PATIENCE) -> str | None:
    """End the process that still writes to a run folder.

    It is asked by the file ``stop`` first, and killed where it does not hear. Never a process that only has the number
    of the one that wrote there, nor this one, nor one that it came from.

    Parameters
    ----------
    folder : Path
        The run folder.
    patience : float
        Seconds that it has to end by itself.

    Returns
    -------
    str, optional
        What was done, in a sentence; None where nobody was there.

    Raises
    ------
    StorageError
        It runs on another machine, cannot be found, or is still there.
    """
    path = folder / LOCK
    if _freed(path, 0.0):
        return None
    holder = _holder(path)
    if holder is None or not _is_here(holder) or holder.pid in _ourselves():
        raise _held(folder, holder)
    ask_to_stop(folder)
    try:
        how = "stopped" if _freed(path, patience) else _kill(path, folder, holder)
    finally:
        forget_stop(folder)
    return f"Process {holder.pid} of an earlier run still wrote to {folder}: it was {how}."


def _kill(path: Path, folder: Path, holder: Holder) -> str:
    with suppress(psutil.Error):
        process = psutil.Process(holder.pid)
        if not _is_here(holder) or _holder(path) != holder:
            raise _held(folder, _holder(path))
        process.kill()  # psutil looks again whether it is the one that it was a moment ago
    if not _freed(path, _KILLED):
        raise _held(folder, holder)
    return "killed"


def _locked(path: Path) -> int:
    """Return a locked handle of the file that has this name; raises `BlockingIOError` where another has it."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise
            except OSError:  # a file system without locks; a journal is still created but once
                return handle
            if _same_file(handle, path):  # or the one before us removed it between our two steps
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _same_file(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _freed(path: Path, patience: float) -> bool:
    """Wait until nobody holds a lock."""
    until = time.monotonic() + patience
    while _is_held(path):
        if time.monotonic() >= until:
            return False
        time.sleep(_POLL)
    return True


def _is_held(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False


def _holder(path: Path) -> Holder | None:
    """Return who a lock says that holds it; None where it does not say."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Holder(**content)
    except (OSError, ValueError, TypeError):
        return None


def _is_here(holder: Holder) -> bool:
    same = (holder.host, holder.boot) == (host(), boot_id())
    return same and holder.started is not None and started(holder.pid) == holder.started


def _ourselves() -> set[int]:
    return {os.getpid(), *(process.pid for process in psutil.Process().parents())}


def _held(folder: Path, holder: Holder | None) -> StorageError:
    who = "an unknown process" if holder is None else f"process {holder.pid} on {holder.host}, run {holder.run}"
    return StorageError(
        f"One run at a time writes to a run folder, and another one does ({who})",
        str(folder),
        fix="Wait until it ends, or end it first",
    )
