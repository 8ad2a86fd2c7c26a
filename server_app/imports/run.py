"""The trials of an earlier run, from its folder: all that its journal tells, whether it has finished or not.

The journal has each score with the whole table of the panel, so that a search by another objective may read there what
it goes by.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.architecture.spec import ArchitectureSpec
from common.errors import SpecError, StorageError
from common.tasks import Task, task_from_record
from server_app.imports.known import Known, Source, Taken
from server_app.journal import events_of
from server_app.registry import load_choice
from server_app.run_folder import JOURNAL, RESULT, STATE
from server_app.stages.search import Search
from server_app.state import config_of


def read_run(name: str) -> Source:
    """Read the trials of a run that have a score; one that failed has none.

    Parameters
    ----------
    name : str
        Its folder.

    Raises
    ------
    StorageError
        There is no run, or its files are not what it wrote.
    ConfigError
        It has the configuration of another version.
    """
    folder = Path(name).expanduser()
    events = events_of(folder / JOURNAL)
    if not events:
        raise StorageError(
            f"A run that is imported has its {JOURNAL}",
            name,
            fix="Name the folder of a run in search.imports, or a file that ends in .csv",
        )
    try:
        task, known = _task(folder), _known(events)
    except (KeyError, TypeError, SpecError) as error:
        raise StorageError(f"The files of a run must be whole ({error!r})", name, fix="Copy it again") from None
    weights: Any = load_choice("weights", config_of(folder).weights["name"])
    return Source(name, known, task, weights.shares)


def _task(folder: Path) -> Task:
    """Return the task of a run that has ended, or of one that has not, as its state has it."""
    for file, inner in ((RESULT, None), (STATE, "state")):
        try:
            found = json.loads((folder / file).read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise StorageError(f"The {file} of a run must be readable ({error})", str(folder)) from None
        return task_from_record((found if inner is None else found[inner])["task"])
    raise StorageError(
        f"A run that is imported has a {RESULT}, or as long as it has not ended a {STATE}",
        str(folder),
        fix="Leave it out of search.imports: it had not come to its trials, or its files were removed",
    )


def _known(events: list[dict[str, Any]]) -> list[Known]:
    proposed: dict[str, Mapping[str, Any]] = {}
    taken: dict[str, list[Taken]] = {}
    for event in events:
        trial = event.get("trial", "")
        label, _, number = str(trial).rpartition("-")
        if label != Search.label or not number.isdigit():  # of another stage, or a member of a trial
            continue
        if event["event"] == "proposed":
            proposed[trial] = event
        elif event["event"] == "scored":
            metrics = {name: value for name, value in event["metrics"].items() if value is not None}
            taken.setdefault(trial, []).append(Taken(event["rounds"], metrics))
        elif event["event"] == "failed":
            taken.pop(trial, None)
    return [
        Known(ArchitectureSpec.from_dict(proposed[trial]["spec"]), proposed[trial]["recipe"], tuple(scores))
        for trial, scores in taken.items()
    ]
