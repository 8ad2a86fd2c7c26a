"""state.json: where a run stands, written whole after each step, so that it can be gone on with from there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from common import __version__
from common.config import Config, from_yaml
from common.digest import code_digest
from common.errors import StorageError
from common.files import sync, write_aside
from server_app.journal import Position
from server_app.run_folder import CONFIG, STATE

FORMAT = 1
"""Raised when a state is laid out in another way; a state of another format is refused."""


@dataclass(frozen=True)
class SavedState:
    """What `read_state` found.

    Parameters
    ----------
    version, digest : str
        Of the flwr-nas that wrote it; the digest is that of `common.digest.code_digest`.
    journal : Position
        Where the journal was then.
    state : dict
        What was saved.
    """

    version: str
    digest: str
    journal: Position
    state: dict[str, Any]


def write_state(folder: Path, state: dict[str, Any], position: Position) -> None:
    """Write state.json aside, rename it, and return once that stays so if the power fails.

    Parameters
    ----------
    folder : Path
        The run folder.
    state : dict
        JSON; numbers that are not finite are written too. The arrays that it names are on the disk already.
    position : Position
        Of the journal, whose lines up to there are on the disk already.

    Raises
    ------
    StorageError
        It cannot be written; what was there stays.
    """
    content = {
        "format": FORMAT,
        "version": __version__,
        "digest": code_digest(),
        "journal": position,
        "state": state,
    }
    write_aside(folder / STATE, json.dumps(content, separators=(",", ":")))
    try:
        sync(folder)
    except OSError as error:
        raise StorageError("The state of a run must be on disk", str(folder), fix=str(error)) from None


def read_state(folder: Path) -> SavedState | None:
    """Return what `write_state` wrote last; None where the run has not come so far.

    Raises
    ------
    StorageError
        The file is no state, or one of another format.
    """
    path = folder / STATE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _malformed(path, str(error)) from None
    if not isinstance(content, dict) or not isinstance(content.get("format"), int):
        raise _malformed(path, "it says no format")
    if content["format"] != FORMAT:
        raise StorageError(
            f"This version of flwr-nas ({__version__}) resumes states of format {FORMAT}",
            content["format"],
            fix=f"Resume {folder} with flwr-nas {content.get('version', 'of the version that began it')}, "
            "or begin the run anew in another run.dir",
        )
    if (wrong := _wrong(content)) is not None:
        raise _malformed(path, f"{wrong} is missing or no such thing")
    return SavedState(content["version"], content["digest"], cast(Position, content["journal"]), content["state"])


def config_of(folder: Path) -> Config:
    """Return the configuration of the run in this folder.

    Raises
    ------
    StorageError
        Its config.yaml cannot be read.
    ConfigError
        It is no configuration, or that of another version.
    """
    path = folder / CONFIG
    try:
        return from_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError) as error:
        raise StorageError(
            "A run is resumed with its config.yaml", str(path), fix=f"{error}; begin the run anew in another run.dir"
        ) from None


def _wrong(content: dict[str, Any]) -> str | None:
    """Return the first field that is not what it must be."""
    for name, kind in (("version", str), ("digest", str), ("journal", dict), ("state", dict)):
        if not isinstance(content.get(name), kind):
            return name
    journal = content["journal"]
    whole = all(type(journal.get(name)) is int and journal[name] >= 0 for name in ("line", "bytes"))
    return None if whole and type(journal.get("time")) in (int, float) and len(journal) == 3 else "journal"


def _malformed(path: Path, why: str) -> StorageError:
    return StorageError(
        f"A run is resumed from the state that it wrote ({why.rstrip('.')})",
        str(path),
        fix="Put that file back, or begin the run anew in another run.dir",
    )
