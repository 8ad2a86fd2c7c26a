"""Searches by one side, each run once and then read from its folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from common.errors import ConfigError, SearchError, StorageError
from common.files import write_aside
from common.tasks import task_from_record
from server_app.run_folder import CONFIG, JOURNAL, LOG, RESULT
from tests.benchmarks.equal_cost.cost import training_cost
from tests.benchmarks.equal_cost.sides import Side

_SAID = 3000
"""Characters of the end of a failed command's output that are shown."""


@dataclass(frozen=True)
class Found:
    """What one run came to.

    Parameters
    ----------
    sources : str
        That it ran with; see `Side`.
    seed, trials : int
        Its seed, and the trials that it had.
    cost : float
        Of its training, in MACs x examples.
    seconds : dict of str to float
        By what they were spent on.
    metric : str
        The primary one of the task.
    tests : dict of str to dict
        Metrics on the test data: of the ``winner``, the ``baseline``, and of others where there are any.
    """

    sources: str
    seed: int
    trials: int
    cost: float
    seconds: dict[str, float]
    metric: str
    tests: dict[str, dict[str, float]]


def run_once(
    side: Side, folder: Path, seed: int, overrides: Sequence[str], data: Callable[[], Path | None]
) -> tuple[str, bool]:
    """Search, unless this search has finished in `folder` before; return by which sources, and whether it ran now.

    Parameters
    ----------
    side : Side
        What searches.
    folder : Path
        The run folder. What an interrupted search left there is removed.
    seed : int
        The run's.
    overrides : sequence of str
        All others of the command, but for the file of the data and the run folder.
    data : callable
        Returns that file, or None where there is none; asked only where it runs.

    Raises
    ------
    ConfigError
        The search in that folder had other overrides.
    SearchError
        It failed; says how.
    """
    note, asked = folder.with_name(f"{folder.name}.asked.json"), [*overrides, f"seed={seed}"]
    if _finished(folder):
        told = _read(note)
        if told["overrides"] != asked:
            raise ConfigError(
                f"The search in {folder} had other options ({' '.join(told['overrides'])})",
                " ".join(asked),
                fix="Choose another --out",
            )
        return str(told["sources"]), False
    file, environment = data(), side.environment
    if folder.exists():
        shutil.rmtree(folder)
    write_aside(note, json.dumps({"overrides": asked, "sources": side.sources}, indent=2) + "\n")
    command = [sys.executable, "-m", "server_app.cli", "search", *asked, f"run.dir={folder}"]
    done = subprocess.run(
        [*command, *([] if file is None else [f"dataset.path={file}"])],
        cwd=folder.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or not _finished(folder):
        said = (done.stdout + done.stderr)[-_SAID:]
        raise SearchError(f"A search must finish, and this one ended with {said}", fix=f"See {folder / LOG}")
    return side.sources, True


def found_in(folder: Path, sources: str) -> Found:
    """Read the folder of a run that has finished, of whatever version."""
    result = _read(folder / RESULT)
    configuration = yaml.safe_load((folder / CONFIG).read_text(encoding="utf-8"))
    lines = (folder / JOURNAL).read_text(encoding="utf-8").splitlines()
    tested = {name: result.get(name) for name in ("winner", "baseline", "linear", "constant")}
    return Found(
        sources,
        result["seed"],
        result["counts"]["trials"],
        training_cost(map(json.loads, lines), configuration["training"]["epochs"]),
        result["seconds"],
        task_from_record(result["task"]).head.primary[0],
        {name: entry["test"] for name, entry in tested.items() if entry and entry.get("test")},
    )


def _finished(folder: Path) -> bool:
    return (folder / RESULT).is_file() and _read(folder / RESULT)["status"] == "finished"


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StorageError("A run that is read again left its files whole", str(path), fix=f"{error}") from None
