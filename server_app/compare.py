"""Is the architecture worth the search? Winner, baseline and the others again, on seeds that the search never saw.

That is one run of its own, whose final training has as many seeds as are asked for: the winner is all that is searched,
so what is left of the search is one round, and the final training and the test follow as always.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from common.config import Config
from common.errors import ConfigError, FlwrNasError, SearchError, StorageError
from common.groups import NO_LIMITS, NOT_PERSONAL
from common.seeding import child_seed
from common.tasks import task_from_record
from server_app.build import without_foreign_options
from server_app.candidates import ROLES
from server_app.changes import differences
from server_app.journal import write_json
from server_app.lock import under_way
from server_app.registry import choices
from server_app.reporting.columns import add_rows, over_what, tests_of, titles
from server_app.reporting.judgement import judgement
from server_app.reporting.words import counted
from server_app.run_folder import CONFIG, RESULT, busy
from server_app.state import config_of
from server_app.unfinished import can_go_on

Launch = Callable[[Config, bool], dict[str, Any]]

FOLDER = "compare"
"""Of the run, in the folder of the one that it is about."""
_TOLD = (
    "architecture",
    "id",
    "recipe",
    "origin",
    "trial",
    "parameters",
    "macs",
    "test",
    "interval",
    "gain_over",
    "one_class",
)


def compare(folder: Path, repeats: int, launch: Launch) -> dict[str, Any]:
    """Train the winner of a run and what it is compared with on fresh seeds, test them, and write compare.json.

    A comparison that was interrupted is gone on with; one that has finished with as many seeds is not run again.

    Parameters
    ----------
    folder : Path
        A finished run's folder.
    repeats : int
        Seeds.
    launch : callable
        Runs a configuration, or where its second argument is true goes on with the run in its folder; returns its
        result.json.

    Returns
    -------
    dict
        See `summary`.

    Raises
    ------
    ConfigError
        There are no repeats.
    StorageError
        The folder is not that of a finished run.
    SearchError
        The winner or the baseline was not tested with each seed.
    """
    if repeats < 1:
        raise ConfigError("--repeats must be 1 or more", repeats, fix="Leave it out for 5")
    config, original = _read(folder)
    again = comparison_config(config, original, repeats, folder / FOLDER)
    found = summary(_tested(_result(again, launch)))
    write_json(folder / "compare.json", found)
    return found


def comparison_config(config: Config, result: dict[str, Any], repeats: int, folder: Path) -> Config:
    """Return the configuration of the comparison: no search, the same final training, with other seeds.

    Parameters
    ----------
    config : Config
        Of the run.
    result : dict
        Its result.json. Of winner and baseline the specs are taken, and the recipes and rounds with which they were
        trained; a run that ended before these were known leaves them to the configuration.
    repeats : int
        Seeds.
    folder : Path
        Of the comparison.
    """
    winner, baseline = _given(result["winner"]), result.get("baseline")
    return replace(
        config,
        seed=child_seed(config.seed, "compare") % 2**31,
        control=None,
        search=replace(config.search, trials=1, concurrency=1, start=[winner], imports=[], budget=NO_LIMITS),
        scoring=replace(config.scoring, folds=1),
        final=replace(
            config.final,
            rounds=result.get("final_rounds") or config.final.rounds,
            finalists=1,
            seeds=repeats,
            front="knee",
            baseline=_given(baseline) if baseline else config.final.baseline,
        ),
        space={"name": "listed", "specs": [winner["spec"]]},
        controller={"name": "random"},
        fidelity={"name": "full", "max_rounds": 1},
        objective=_objective(config, result),
        personal=NOT_PERSONAL,
        run=replace(config.run, dir=str(folder)),
    )


def _objective(config: Config, result: dict[str, Any]) -> dict[str, Any]:
    """Return the objective, by name where the run found out: other splits may make classes look even that were not.

    Of several objectives that is the one which the run's gains are told in: there is nothing to choose.
    """
    metric = task_from_record(result["task"]).head.primary[0]
    known = config.objective["name"] in ("primary", "pareto", "weighted") and metric in choices("objective")
    if not known:
        return config.objective
    kept = {name: value for name, value in config.objective.items() if name in ("constraints", "latency")}
    return {**kept, "name": metric}


def summary(result: dict[str, Any]) -> dict[str, Any]:
    """Return what a comparison found.

    Parameters
    ----------
    result : dict
        The result.json of its run.

    Returns
    -------
    dict
        The ``seed`` of the run and how many ``runs`` each model had; the ``task``; for each of `ROLES` that was tested
        what result.json tells of it, with its ``tests``, one a seed; where there is a baseline, and tests have the
        task's primary metric, the ``gain`` over it in that, one a seed, above 0 where the winner is better.
    """
    winner = result["winner"]
    found: dict[str, Any] = {"seed": result["seed"], "runs": len(winner["tests"]), "task": result["task"]}
    for role in ROLES:
        entry = result.get(role)
        if entry and (tests := tests_of(entry)):
            found[role] = {**{key: entry[key] for key in _TOLD if key in entry}, "tests": tests}
    if "baseline" in found and (gain := winner["gain_over"].get("baseline")):
        found["gain"] = gain["values"]
    return found


def render(found: dict[str, Any]) -> RenderableType:
    """Return the comparison as a table, with what it says in sentences."""
    head = task_from_record(found["task"]).head
    there = {role: found[role] for role in ROLES if role in found}
    seeds = counted(found["runs"], "fresh seed")
    spread = ", mean (standard deviation over seeds)" if found["runs"] > 1 else ""
    table = Table(title=f"test on {seeds}{spread}")
    table.add_column("")
    for title in titles(there, head):
        table.add_column(title, justify="right", style="bold" if title == "winner" else None)
    add_rows(table, head, list(there.values()))
    sentences = [f"winner: {found['winner']['architecture']}", *judgement(there, head), *over_what(there.values())]
    return Group(table, *map(Text, sentences))


def _given(entry: dict[str, Any]) -> dict[str, Any]:
    return {"spec": entry["spec"], "recipe": entry.get("recipe", {})}  # an earlier version wrote none


def _result(config: Config, launch: Launch) -> dict[str, Any]:
    """Return the result of the comparison: as it is there, or gone on with, or of a run in the place of another."""
    folder = Path(str(config.run.dir))
    if under_way(folder):
        raise busy(folder)
    before = _same_run(folder, config)
    if before is not None and before.get("status") == "finished":
        return before
    if before is not None and can_go_on(folder):
        return launch(config, True)
    shutil.rmtree(folder, ignore_errors=True)
    return launch(config, False)


def _same_run(folder: Path, config: Config) -> dict[str, Any] | None:
    """Return the result that lies in a folder, if what ran there is this configuration; it is empty before it ended."""
    try:
        if differences(config_of(folder), without_foreign_options(config)[0]):
            return None
        result: dict[str, Any] = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    except FlwrNasError:
        return None
    except (OSError, ValueError):
        return {}
    return result


def _tested(result: dict[str, Any]) -> dict[str, Any]:
    """Return the result; raises `SearchError` where the winner or the baseline was not tested with each seed."""
    for side in ("winner", "baseline"):
        entry = result[side]
        if not (entry and entry["tests"] and all(entry["tests"])) and (entry or side == "winner"):
            why = f" ({entry['failure'].rstrip('.')})" if entry else ""
            raise SearchError(f"The test of the {side} failed{why}", fix="See compare/journal.jsonl in the run folder")
    return result


def _read(folder: Path) -> tuple[Config, dict[str, Any]]:
    """Return the configuration and the result of a run that has a winner."""
    try:
        (folder / CONFIG).stat()
        result = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StorageError("A run folder holds a config.yaml and a result.json", str(folder), fix=str(error)) from None
    config = config_of(folder)
    if not result.get("winner"):
        raise StorageError("A run to compare must have a winner", str(folder), fix="Run the search again")
    return config, result
