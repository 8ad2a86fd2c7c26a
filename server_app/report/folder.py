"""What lies in a run folder, as far as it is there: a run that was killed, or is under way, has its journal only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.config import Config
from common.errors import FlwrNasError, StorageError
from common.tasks import Task, task_from_record
from server_app.journal import events_of
from server_app.run_folder import HISTORY, JOURNAL, RESULT, SCORES, STATE
from server_app.state import config_of


@dataclass(frozen=True)
class RunFiles:
    """The files of a run.

    Parameters
    ----------
    folder : Path
        Where they lie.
    events : list of dict
        Of its journal.
    result : dict
        Content of result.json; empty where there is none.
    history : list of dict
        Content of history.json, best first; empty where there is none.
    config : Config, optional
        None where that cannot be read.
    task : Task, optional
        None before it is agreed on.
    """

    folder: Path
    events: list[dict[str, Any]]
    result: dict[str, Any]
    history: list[dict[str, Any]]
    config: Config | None
    task: Task | None

    @property
    def name(self) -> str:
        """What people call the run: its folder's name."""
        return self.folder.resolve().name


def read_run(folder: Path) -> RunFiles:
    """Read the folder of a run; raises `StorageError` where there is no journal of a search."""
    events = events_of(folder / JOURNAL)
    if not events:
        raise StorageError(
            f"A report is of a run, whose folder has its {JOURNAL}", str(folder), fix="Name the folder of a run"
        )
    if (folder / SCORES).exists():
        raise StorageError(
            "A report is of a search, and this run scored specs without training", str(folder), fix=f"See its {SCORES}"
        )
    result, history = _json(folder / RESULT, dict), _json(folder / HISTORY, list)
    config, task = _config(folder), _task(folder, result)
    if events[-1]["event"] != "end" and (folder / STATE).exists():
        result, history = {}, []  # of an end that was not the last: the run goes on, or was killed
    return RunFiles(folder, events, result, history, config, task)


def _json(path: Path, kind: type[Any]) -> Any:
    """Return the content of a file; empty where there is none, or no such thing in it."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return kind()
    return content if isinstance(content, kind) else kind()


def _config(folder: Path) -> Config | None:
    try:
        return config_of(folder)
    except FlwrNasError:
        return None


def _task(folder: Path, result: dict[str, Any]) -> Task | None:
    """Return the task of a run that has ended, or of one that has not, as its state has it."""
    record = result.get("task") or _json(folder / STATE, dict).get("state", {}).get("task")
    try:
        return None if record is None else task_from_record(record)
    except (FlwrNasError, KeyError, TypeError):
        return None
