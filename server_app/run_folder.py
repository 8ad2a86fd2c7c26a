"""The run folder: which one, whether it is free, and the file by which a run is asked to end.

- ``config.yaml``: the whole configuration
- ``journal.jsonl``: what happened, as it happens
- ``result.json``: winner, baseline and others, counts, seconds, versions
- ``history.json``: all trials, ranked
- ``report.html``: all of it as a page
- ``supernet.safetensors``: of a run with ``weights=supernet``, the weights that its trials shared
- ``best/spec.json``, ``best/model.safetensors``: the model that was found
- ``classes/1/`` and so on: of a run with ``placement=capability``, the best for each class of nodes, where they differ
- ``front.png``, ``front/trial-NNNN/``: of a search with several objectives its front, and the models of others on it
- ``personal/NODE/``: of a simulation with ``personal.keep=true``, the model that each node keeps for itself
- ``alphas.png``: of a run with ``controller=darts``, how likely each option of each place was, over its rounds
- ``personalize/personal.json``: of a later run in which nodes made models of their own of the winner, with its journal
- ``proxies.json``: of a run that scored specs without training, in place of all these but the journal
- ``stop``: there for as long as the run was asked to end and has not

Until the run has finished also what it needs to be resumed:

- ``state.json``, ``weights/``: where it stands, and the arrays that this names
- ``lock``: which process writes here
- ``processes.json``: what a simulation has started
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from common.errors import StorageError

CONFIG = "config.yaml"
JOURNAL = "journal.jsonl"
RESULT = "result.json"
HISTORY = "history.json"
REPORT = "report.html"
SCORES = "proxies.json"
OWN_MODELS = "personal.json"
FRONT = "front"
PERSONAL = "personal"
STATE = "state.json"
WEIGHTS = "weights"
LOCK = "lock"
PROCESSES = "processes.json"
LOG = "flower.log"

_LONGEST_NAME = 60
"""Letters of a search's name in that of its folder; a file system has room for 255 bytes."""
_FIRST = {LOG, PROCESSES, LOCK}
"""What is in a run folder before the run has begun."""
_LAST = 1 << 16
"""Bytes of a journal that surely hold its last line, which says how the run ended."""


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
                raise unwritable(new, f"{new.parent} is no folder") from None
            number += 1
            new = stem.with_name(f"{stem.name}-{number}")
        except OSError as error:
            raise unwritable(new, error) from None


def distant_folder(name: str) -> Path:
    """Return a new name under runs/ for a folder that another machine will make, and that nobody else will think of."""
    stem = _stem(name)
    return stem.with_name(f"{stem.name}-{uuid4().hex[:8]}")


def check_fresh(folder: Path) -> None:
    """Raise `StorageError` where a journal is there already: a run never touches another's results."""
    if (folder / JOURNAL).is_file():
        raise taken(folder)


def check_resumable(folder: Path) -> None:
    """Raise `StorageError` where there is no run to go on with, or one that had come far and whose state is lost."""
    try:
        if not (folder / CONFIG).is_file():
            raise _nothing_to_resume(folder)
    except OSError as error:
        raise StorageError("A run is resumed in a folder that can be read", str(folder), fix=str(error)) from None
    if finished(folder):
        raise StorageError("A run that has finished leaves nothing to resume", str(folder), fix="See its result.json")
    # A state is saved before anything is scored; without one the run would begin anew, over the journal that it has.
    if not (folder / STATE).exists() and came_to(folder, "scored"):
        raise StorageError(
            "A run that has scored trials is resumed from the state that it wrote, and there is none",
            str(folder / STATE),
            fix="Put that file back, or begin the run anew in another run.dir",
        )


def came_to(folder: Path, event: str) -> bool:
    """Return whether the journal in this folder has an event of this kind."""
    mark = f'"event": "{event}"'.encode()
    if not (folder / JOURNAL).is_file():  # a device has no end
        return False
    try:
        with (folder / JOURNAL).open("rb") as file:
            return any(mark in line for line in file)
    except OSError:
        return False


def _nothing_to_resume(folder: Path) -> StorageError:
    """Return the error that says what is there instead of a run; raises `OSError`."""
    if folder.is_dir():
        there = {path.name for path in folder.iterdir()}
        if SCORES in there:
            return StorageError(
                "The run in this folder scored specs without training, and such a run is not resumed",
                str(folder),
                fix="See its proxies.json, or score them again by flwr-nas proxies in another folder",
            )
        if OWN_MODELS in there:
            return StorageError(
                "In this folder nodes made models of their own, and such a run is not resumed",
                str(folder),
                fix="See its personal.json, or give flwr-nas personalize the folder of the run that found the winner",
            )
        if there & {JOURNAL, STATE}:
            return StorageError(
                f"A run is resumed with its {CONFIG}, which is gone from its folder",
                str(folder),
                fix="Put that file back, or begin the run anew in another folder",
            )
        if there & _FIRST:
            return StorageError(
                "The run in this folder ended before it had begun, so there is nothing to go on with",
                str(folder),
                fix="Give the command that was to begin it once more, with its options and without --resume",
            )
        what = "this one holds no run" if there else "this one is empty"
    else:
        what = "this is a file" if folder.exists() else "there is no such folder"
    return StorageError(
        f"A run is resumed in its own folder, but {what}",
        str(folder),
        fix=f"Name the folder with its {CONFIG}; add federation=deployment if that is on the SuperLink's machine",
    )


def finished(folder: Path) -> bool:
    """Return whether the run in this folder came to its end: what its journal says last counts.

    Where a full disk kept the journal from its last line, its result counts, once nothing is kept to go on with.
    """
    return _journal_ended(folder) or (not (folder / STATE).exists() and _result_finished(folder))


def _result_finished(folder: Path) -> bool:
    try:
        return bool(json.loads((folder / RESULT).read_text(encoding="utf-8"))["status"] == "finished")
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _journal_ended(folder: Path) -> bool:
    last = last_event(folder)
    return last is not None and last["event"] == "end" and last.get("status") == "finished"


def last_event(folder: Path) -> dict[str, Any] | None:
    """Return what the journal in this folder says last; None where there is no journal, or half a line."""
    if not (folder / JOURNAL).is_file():
        return None
    try:
        with (folder / JOURNAL).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LAST))
            last = json.loads(file.read().splitlines()[-1])
    except (OSError, ValueError, LookupError):
        return None
    return last if isinstance(last, dict) and "event" in last else None


def read_finished(folder: Path, name: str) -> Any:
    """Read one of the JSON files that a finished run has; raises `StorageError` where there is none."""
    try:
        return json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StorageError(
            f"A run that has finished has its {name} ({getattr(error, 'strerror', None) or error})",
            str(folder),
            fix="Name the folder of one",
        ) from None


def forget_state(folder: Path) -> None:
    """Remove what only a run that has not finished needs."""
    with suppress(OSError):
        (folder / STATE).unlink(missing_ok=True)
        (folder / LOCK).unlink(missing_ok=True)
    shutil.rmtree(folder / WEIGHTS, ignore_errors=True)


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


def taken(folder: Path) -> StorageError:
    """Return the error that a run is in this folder already, and what can be done with that run."""
    if finished(folder) or not (folder / CONFIG).is_file():
        return StorageError("A run needs a folder of its own", str(folder), fix="Set another run.dir")
    return StorageError(
        "A run needs a folder of its own, and this one holds a run that has not finished",
        str(folder),
        fix=f"Go on with it by `flwr-nas search --resume {shlex.quote(str(folder))}`, or set another run.dir",
    )


def busy(folder: Path, resumed: bool = False) -> StorageError:
    """Return the error that a run is under way in this folder."""
    fix = "Wait until it ends, or end it, to go on with it" if resumed else "Wait until it ends, or set another run.dir"
    return StorageError("A run is under way in this folder", str(folder), fix=fix)


def unwritable(folder: Path, reason: object) -> StorageError:
    """Return the error that nothing can be written in this folder."""
    return StorageError("The run folder must be writable", str(folder), fix=f"{reason}; set run.dir")
