"""state.json: where a run stands, written whole after each step, so that it can be gone on with from there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast

from common import __version__
from common.config import Config, from_json, from_yaml
from common.digest import code_digest
from common.errors import ConfigError, StorageError
from common.files import sync, write_aside
from server_app.journal import Position
from server_app.run_folder import CONFIG, STATE

FORMAT = 9
"""Raised when a state is laid out in another way; a state of another format is refused."""


PACKAGES = ("flwr", "torch", "numpy")
"""Other versions of these give other numbers."""


@dataclass(frozen=True)
class Code:
    """Code that runs a search.

    Parameters
    ----------
    digest : str
        Of all of flwr-nas: the server's part decides as much as what nodes have in common with it.
    versions : dict of str to str
        Of flwr-nas and of `PACKAGES`.
    """

    digest: str
    versions: dict[str, str]


@cache
def this_code() -> Code:
    """Return the code of this installation."""
    found = {"flwr-nas": __version__}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return Code(code_digest("server_app"), found)


@dataclass(frozen=True)
class SavedState:
    """What `read_state` found.

    Parameters
    ----------
    code : Code
        What wrote it.
    config : Config
        Of the run.
    journal : Position
        Where the journal was then.
    state : dict
        What was saved.
    """

    code: Code
    config: Config
    journal: Position
    state: dict[str, Any]


def write_state(folder: Path, state: dict[str, Any], position: Position, config: Config) -> None:
    """Write state.json aside, rename it, and return once that stays so if the power fails.

    Parameters
    ----------
    folder : Path
        The run folder.
    state : dict
        JSON; numbers that are not finite are written too. The arrays that it names are on the disk already.
    position : Position
        Of the journal, whose lines up to there are on the disk already.
    config : Config
        Of the run.

    Raises
    ------
    StorageError
        It cannot be written; what was there stays.
    """
    body = _text(state)
    head = {
        "format": FORMAT,
        "code": asdict(this_code()),
        "config": asdict(config),
        "journal": position,
        "digest": _digest(body),
    }
    write_aside(folder / STATE, f'{_text(head)[:-1]},"state":{body}}}')  # a state may be large, and is written once
    try:
        sync(folder)
    except OSError as error:
        raise StorageError("The state of a run must be on disk", str(folder), fix=str(error)) from None


def read_state(folder: Path) -> SavedState | None:
    """Return what `write_state` wrote last; None where the run has not come so far.

    Raises
    ------
    StorageError
        The file is no state, has changed since, or is one of another format.
    ConfigError
        It has the configuration of another version.
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
            fix=f"Resume {folder} with {_writer(content)}, or begin the run anew in another folder",
        )
    if (wrong := _wrong(content)) is not None:
        raise _malformed(path, f"{wrong} is missing or no such thing")
    if content.get("digest") != _digest(_text(content["state"])):
        raise _malformed(path, "its content has changed")
    config = _config(lambda: from_json(json.dumps(content["config"])), path)
    return SavedState(Code(**content["code"]), config, cast(Position, content["journal"]), content["state"])


def misread(folder: Path, error: Exception) -> StorageError:
    """Return the error that a state is whole, and is not laid out as this code reads it.

    Parameters
    ----------
    folder : Path
        The run folder.
    error : Exception
        What came of reading it.
    """
    return _malformed(folder / STATE, f"{type(error).__name__}: {error}")


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
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise StorageError(
            "The config.yaml of a run must be readable", str(path), fix=f"{error}; begin the run anew in another folder"
        ) from None
    return _config(lambda: from_yaml(text), path)


def _config(read: Callable[[], Config], path: Path) -> Config:
    """Return the configuration that a file holds, with its name in the error where it holds none."""
    try:
        return read()
    except ConfigError as error:
        raise ConfigError(f"{error.rule} (in {path})", fix=error.fix) from None


def _wrong(content: dict[str, Any]) -> str | None:
    """Return the first field that is not what it must be."""
    for name in ("code", "config", "journal", "state"):
        if not isinstance(content.get(name), dict):
            return name
    code = content["code"]
    texts = [code.get("digest"), *(code["versions"].values() if isinstance(code.get("versions"), dict) else [None])]
    if len(code) != 2 or not all(isinstance(text, str) for text in texts):
        return "code"
    journal = content["journal"]
    whole = all(type(journal.get(name)) is int and journal[name] >= 0 for name in ("line", "bytes"))
    return None if whole and type(journal.get("time")) in (int, float) and len(journal) == 3 else "journal"


def _text(value: Any) -> str:
    """Return JSON; what it is read back as has the same text again."""
    return json.dumps(value, separators=(",", ":"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _writer(content: dict[str, Any]) -> str:
    """Return which version wrote a state of another format, if that can be seen."""
    code = content.get("code")
    versions = code.get("versions") if isinstance(code, dict) else None
    return f"flwr-nas {versions.get('flwr-nas')}" if isinstance(versions, dict) else "the flwr-nas that began it"


def _malformed(path: Path, why: str) -> StorageError:
    return StorageError(
        f"A run is resumed from the state that it wrote ({why.rstrip('.')})",
        str(path),
        fix="Put that file back, or begin the run anew in another folder",
    )
