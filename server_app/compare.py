"""Is the architecture worth the search? Winner, baseline and the others again, on seeds that the search never saw.

Each repeat is a run of its own: the winner is all that is searched, so what is left of the search is one round, and
the final training and the test follow as always.
"""

from __future__ import annotations

import json
import shutil
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.table import Table

from common.config import Config
from common.errors import ConfigError, SearchError, StorageError
from common.seeding import child_seed
from common.tasks import task_from_record
from server_app.candidates import ROLES
from server_app.journal import write_json
from server_app.reporting.rows import rows_to_show
from server_app.reporting.table import same, titles
from server_app.reporting.words import counted
from server_app.run_folder import CONFIG, RESULT
from server_app.state import config_of

Launch = Callable[[Config], dict[str, Any]]


def compare(folder: Path, repeats: int, launch: Launch) -> dict[str, Any]:
    """Train the winner of a run and what it is compared with on fresh seeds, test them, and write compare.json.

    Parameters
    ----------
    folder : Path
        A finished run's folder.
    repeats : int
        Seeds.
    launch : callable
        Runs a configuration and returns its result.json.

    Returns
    -------
    dict
        ``seeds``; the ``task``; for each of `ROLES` that is there the tests' metrics, one a seed; where there is a
        baseline, and all tests have the task's primary metric, the ``gain`` over it in that, one a seed, above 0 where
        the winner is better.

    Raises
    ------
    ConfigError
        There are no repeats.
    StorageError
        The folder is not that of a finished run.
    SearchError
        A repeat ended without a test of the winner or the baseline.
    """
    if repeats < 1:
        raise ConfigError("--repeats must be 1 or more", repeats, fix="Leave it out for 5")
    config, original = _read(folder)
    seeds = [child_seed(config.seed, "compare", index) % 2**31 for index in range(repeats)]
    results = []
    for seed in seeds:
        repeat = folder / "compare" / str(seed)
        result = _finished(repeat) or launch(repeat_config(config, original, seed, repeat))
        results.append(_tested(result, seed))
        write_json(folder / "compare.json", summary(seeds[: len(results)], results, original.get("task")))
    return summary(seeds, results, original.get("task"))


def repeat_config(config: Config, result: dict[str, Any], seed: int, folder: Path) -> Config:
    """Return the configuration of one repeat: no search, the same final training.

    Parameters
    ----------
    config : Config
        Of the run.
    result : dict
        Its result.json. Of winner and baseline the specs are taken, and the recipes with which they were trained; a run
        that ended before its baseline was known leaves that to the configuration.
    seed : int
        Of the repeat.
    folder : Path
        Of the repeat.
    """
    winner, baseline = _given(result["winner"]), result.get("baseline")
    return replace(
        config,
        seed=seed,
        search=replace(config.search, trials=1, concurrency=1, start=[winner]),
        final=replace(config.final, baseline=_given(baseline) if baseline else config.final.baseline),
        space={"name": "listed", "specs": [winner["spec"]]},
        controller={"name": "random"},
        fidelity={"name": "full", "max_rounds": 1},
        run=replace(config.run, dir=str(folder)),
    )


def _given(entry: dict[str, Any]) -> dict[str, Any]:
    return {"spec": entry["spec"], "recipe": entry.get("recipe", {})}  # an earlier version wrote none


def summary(
    seeds: Sequence[int], results: Sequence[dict[str, Any]], task: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Gather over seeds the tests of all that was tested with each of them.

    Parameters
    ----------
    seeds : sequence of int
        Of the repeats.
    results : sequence of dict
        Their result.json, one a seed.
    task : dict, optional
        That of the run, whose search went by its primary metric: other splits may make classes look even that were not.
        None for that of the first repeat.
    """
    found: dict[str, Any] = {"seeds": list(seeds), "task": task or results[0]["task"]}
    for role in ROLES:
        entries = [entry for result in results if (entry := result.get(role)) and entry["test"]]
        if len(entries) == len(results):
            told = {key: entries[0].get(key) for key in ("architecture", "id", "recipe", "parameters", "macs")}
            found[role] = {**told, "test": [entry["test"] for entry in entries]}
    if "baseline" not in found:
        return found
    pairs = list(zip(found["winner"]["test"], found["baseline"]["test"], strict=True))
    metric, better = task_from_record(found["task"]).head.primary
    sign = 1 if better == "max" else -1
    if all(metric in test for pair in pairs for test in pair):  # AUROC takes every class on one node
        found["gain"] = [sign * (ours[metric] - theirs[metric]) for ours, theirs in pairs]
    return found


def render(found: dict[str, Any]) -> Table:
    """Return the comparison as a table."""
    seeds = counted(len(found["seeds"]), "fresh seed")
    table = Table(title=f"test on {seeds}, mean (standard deviation over seeds)")
    table.add_column("")
    head = task_from_record(found["task"]).head
    roles = [role for role in ROLES if role in found]
    for title in titles(roles, head):
        table.add_column(title, justify="right", style="bold" if title == "winner" else None)
    sides = [found[role] for role in roles]
    form = {row.metric: row.form for row in head.rows}
    for row in rows_to_show(head, [test for side in sides for test in side["test"]]):
        if all(row.metric in test for side in sides for test in side["test"]):
            table.add_row(row.title, *(_mean([test[row.metric] for test in side["test"]], row.form) for side in sides))
    table.add_row("parameters", *(f"{side['parameters']:,}" for side in sides))
    table.add_row("MACs", *(f"{side['macs']:,}" for side in sides))
    told = [f"winner: {found['winner']['architecture']}"]
    if same(found["winner"], found.get("baseline")):
        told.insert(0, "the winner is the baseline, so there is no gain")
    elif "gain" in found:
        told.insert(0, _gain(found["gain"], *head.primary, form[head.primary[0]]))
    table.caption = "; ".join(told)
    return table


def _finished(repeat: Path) -> dict[str, Any] | None:
    """Return the result of a repeat that was done before; what an unfinished one left is removed."""
    try:
        result: dict[str, Any] = json.loads((repeat / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        result = {}
    if result.get("status") == "finished":
        return result
    shutil.rmtree(repeat, ignore_errors=True)
    return None


def _tested(result: dict[str, Any], seed: int) -> dict[str, Any]:
    """Return the result of a repeat; raises `SearchError` where the winner or the baseline was not tested."""
    for side in ("winner", "baseline"):
        entry = result[side]
        if not (entry and entry["test"]) and (entry or side == "winner"):
            why = f" ({entry['failure'].rstrip('.')})" if entry else ""
            raise SearchError(
                f"The test of the {side} failed for seed {seed}{why}", fix="See the repeat's journal.jsonl"
            )
    return result


def _mean(values: Sequence[float], form: str) -> str:
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{form.format(statistics.fmean(values))} ({form.format(spread)})"


def _gain(gain: Sequence[float], metric: str, better: str, form: str) -> str:
    """Return what the winner gains in words; "a gain of 5" would not say which way, where less is better."""
    if better == "max":
        return f"gain in {metric} {_mean(gain, form)}"
    won = statistics.fmean(gain) >= 0
    values = gain if won else [-value for value in gain]
    return f"{metric} {'lower' if won else 'higher'} by {_mean(values, form)}, a {'gain' if won else 'loss'}"


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
