"""Which trained model of a run is exported, and what the run says of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from common import __version__
from common.errors import ConfigError, SpecError, StorageError
from common.models.export import SPEC_FILE, read_model
from server_app.export.trained import Trained
from server_app.run_folder import CONFIG, FRONT, RESULT, read_finished


@dataclass(frozen=True)
class Told:
    """What is known of a model; all of it may be missing, of a model that was copied out of its run.

    Parameters
    ----------
    metadata : mapping
        Of its spec.json.
    entry : mapping
        Of the winner, or of the member of the front, in result.json.
    result, config : mapping
        The files of the run.
    """

    metadata: Mapping[str, Any] = field(default_factory=dict)
    entry: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)


def find(folder: Path, member: int | None = None) -> tuple[Trained, Told]:
    """Read a trained model, and what its run says of it.

    Parameters
    ----------
    folder : Path
        Of a run that has ended, or of a model, such as ``best/`` of a run.
    member : int, optional
        The number of a trial of the run's front; None is the winner.

    Raises
    ------
    StorageError
        There is no such run, it left no trained model, or its files are of another version.
    ConfigError
        The front has no such member, or it was not trained to the end.
    """
    if (folder / SPEC_FILE).exists() and not (folder / RESULT).exists():
        if member is not None:
            raise ConfigError("--member names one of a run's front", member, fix="Name the folder of the run")
        return _read(folder, folder.name), Told(metadata_of(folder))
    result = read_finished(folder, RESULT)
    if not isinstance(result, dict) or "winner" not in result:
        raise _foreign(folder, {}, f"{RESULT} names no winner")
    try:
        entry, home = _winner(folder, result) if member is None else _member(folder, result, member)
    except (KeyError, TypeError, AttributeError) as error:
        raise _foreign(folder, result, repr(error)) from None
    who = "winner" if member is None else f"trial {member}"
    name = f"{who} of {result.get('name', folder.name)}"
    return _read(home, name, folder, result), Told(metadata_of(home), entry, result, _config(folder))


def _winner(folder: Path, result: Mapping[str, Any]) -> tuple[Mapping[str, Any], Path]:
    home = folder / "best"
    if result["winner"] is None or not (home / SPEC_FILE).exists():
        raise StorageError(
            f"A run that found something has its model in best/, and this one, which has {result.get('status')}, "
            "left none",
            str(folder),
            fix=f"Go on with it by flwr-nas search --resume {folder}, or search again",
        )
    return result["winner"], home


def _member(folder: Path, result: Mapping[str, Any], member: int) -> tuple[Mapping[str, Any], Path]:
    front = {entry["trial"]: entry for entry in result.get("front", [])}
    if not front:
        raise ConfigError(
            "--member names one of a front, and a search for one objective has none", member, fix="Leave it out"
        )
    trained = [number for number, entry in front.items() if entry["folder"] is not None]
    if member not in trained:
        raise ConfigError(
            f"The members of the front that were trained to the end are {', '.join(map(str, sorted(trained)))}",
            member,
            fix="Choose one of them; with final.front=all a search trains all",
        )
    home = folder / front[member]["folder"]
    return front[member], home if home.exists() else folder / FRONT / f"trial-{member:04d}"


def _read(home: Path, name: str, folder: Path | None = None, result: Mapping[str, Any] | None = None) -> Trained:
    try:
        spec, task, weights = read_model(home)
    except SpecError as error:
        raise _foreign(folder or home, result or {}, error.rule) from None
    return Trained(name, spec, task, weights)


def _foreign(folder: Path, result: Mapping[str, Any], why: str) -> StorageError:
    """Return the error that a run is not of this version, with the version that it is of where it says so."""
    versions = result.get("versions")
    wrote = versions.get("flwr-nas") if isinstance(versions, dict) else None
    by = f"flwr-nas {wrote}" if wrote not in (None, __version__) else "another version of flwr-nas"
    return StorageError(
        f"The files of this run must be those of flwr-nas {__version__}, and it seems that {by} wrote them ({why})",
        str(folder),
        fix="Export it with the version that wrote it, or search again",
    )


def metadata_of(home: Path) -> Mapping[str, Any]:
    """Return what the spec.json of a trained model says of it for people; empty where that is nothing."""
    found = json.loads((home / SPEC_FILE).read_text(encoding="utf-8")).get("metadata", {})
    return found if isinstance(found, dict) else {}


def _config(folder: Path) -> Mapping[str, Any]:
    """Return the configuration as it stands in its file, of whatever version; nothing where there is none."""
    try:
        found = yaml.safe_load((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}
