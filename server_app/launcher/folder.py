"""The run folder of a simulation, kept for one command as long as it runs."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from server_app.launcher.left import end_left
from server_app.run_folder import busy, check_fresh, check_resumable, forget_stop, unwritable


@contextmanager
def kept(run_dir: Path, made: bool = False) -> Iterator[None]:
    """Make a run folder and keep other commands out of it; one that was made for this run and stayed empty is removed.

    A lock and not a file: it ends with this process, however that ends.

    Parameters
    ----------
    run_dir : Path
        The folder.
    made : bool
        Whether it is there because this command has just made it; one that people made is left to them.

    Raises
    ------
    StorageError
        The folder cannot be made, another command has it, or a run was there before.
    """
    made = made or not run_dir.exists()
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        handle = os.open(run_dir, os.O_RDONLY)
    except OSError as error:
        raise unwritable(run_dir, error) from None
    try:
        _lock(handle, run_dir, resumed=False)
        check_fresh(run_dir)
        end_left(run_dir)
        try:
            forget_stop(run_dir)
            yield
        finally:
            forget_stop(run_dir)
            if made:
                with suppress(OSError):  # there is something in it
                    run_dir.rmdir()
    finally:
        os.close(handle)


@contextmanager
def kept_again(run_dir: Path) -> Iterator[None]:
    """Keep other commands out of the folder of a run that is resumed, and end what an earlier one left running there.

    Parameters
    ----------
    run_dir : Path
        The folder.

    Raises
    ------
    StorageError
        Another command has it, or there is no run to go on with.
    FederationError
        What was left running cannot be ended.
    """
    check_resumable(run_dir)
    handle = os.open(run_dir, os.O_RDONLY)
    try:
        _lock(handle, run_dir, resumed=True)
        end_left(run_dir)
        check_resumable(run_dir)  # it may have finished meanwhile
        try:
            forget_stop(run_dir)
            yield
        finally:
            forget_stop(run_dir)
    finally:
        os.close(handle)


def _lock(handle: int, run_dir: Path, resumed: bool) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise busy(run_dir, resumed) from None
    except OSError:  # a file system without locks; a journal is still created but once
        return
