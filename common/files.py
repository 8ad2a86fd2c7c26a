"""Files that nobody ever sees half of, and that stay when the power fails."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from common.errors import StorageError


def write_aside(path: Path, content: str | bytes) -> None:
    """Write a whole file under another name, and rename it once it is on the disk.

    Parameters
    ----------
    path : Path
        Its folder is made where it is missing.
    content : str or bytes
        Text is written as UTF-8.

    Raises
    ------
    StorageError
        The folder cannot be written, or the disk is full; what was there stays.
    """
    aside = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        with suppress(OSError):  # what keeps us from writing may keep us from clearing up
            aside.unlink(missing_ok=True)
        raise StorageError(
            "A folder for results must be writable", str(path), fix=f"{error}; free space or choose another"
        ) from None


def sync(path: Path) -> None:
    """Return once a file's content, or a folder's list of names, is on the disk; raises `OSError`."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
