"""Several runs as one JSON document: which of their ways to search found better models, and how sure that is.

Runs whose configurations differ in nothing but the seed are one arm. Two arms are compared in pairs: where they have
two run seeds or more in common, of the means of both over their tests, one pair a run seed; else of the tests of two
runs of one seed, one pair a seed of the final training; and where that was one, over the nodes that both were tested
on. What is no pair, since seeds or tasks differ, is not compared. Keys:

``format``, ``kind``
    1 and ``comparison``.
``metric``, ``objective``
    ``name`` and ``direction``, of tests and of what ranked trials in the first run.
``arms``, ``differ``, ``notes``
    What each arm is called, the options in which they differ, and what is to be known, in sentences.
``runs``
    One each: ``name``, ``arm`` (its place), ``seed``, ``status``, ``trials``, ``architecture``, ``mean`` and
    ``deviation`` of its tests, ``parameters``, ``macs``, ``mac_examples``, ``bytes``, ``seconds``, ``best`` (as of
    `server_app.report.document`).
``pairs``
    One each: ``one`` and ``other`` (arms, in words), and the difference as `Gain` has it, above 0 where the first is
    better.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from common.errors import ConfigError
from server_app.changes import differences
from server_app.gains import Gain, over_seeds
from server_app.interval import t_quantile
from server_app.noise import difference
from server_app.report.document import FORMAT
from server_app.report.folder import RunFiles, read_run
from server_app.report.history import history_of

_TOLD = 4
"""Options by which an arm is called, at most."""


@dataclass(frozen=True)
class Arm:
    """Runs that differ in nothing but their seed.

    Parameters
    ----------
    label : str
        What it is called.
    runs : tuple of RunFiles
        At least one.
    """

    label: str
    runs: tuple[RunFiles, ...]


def comparison_of(folders: Sequence[Path]) -> dict[str, Any]:
    """Return the document of several runs.

    Raises
    ------
    StorageError
        As of `read_run`.
    ConfigError
        There are fewer than two, or they are not told in the same metric.
    """
    runs = [read_run(folder) for folder in dict.fromkeys(folder.resolve() for folder in folders)]
    if len(runs) < 2:
        raise ConfigError("A comparison takes two different runs or more", len(runs), fix="Name more run folders")
    metric, direction = _metric(runs)
    arms, differ = arms_of(runs)
    found = [
        pair for one, other in combinations(arms, 2) if (pair := pair_of(one, other, metric, direction)) is not None
    ]
    histories = [history_of(run.events) for run in runs]
    return {
        "format": FORMAT,
        "kind": "comparison",
        "metric": {"name": metric, "direction": direction},
        "objective": {"name": histories[0].objective or metric, "direction": histories[0].direction},
        "arms": [arm.label for arm in arms],
        "differ": differ,
        "notes": _notes(runs, arms, found),
        "runs": [
            _row(
                run,
                next(place for place, arm in enumerate(arms) if run in arm.runs),
                metric,
                history.best,
                len(history.trials),
            )
            for run, history in zip(runs, histories, strict=True)
        ],
        "pairs": found,
    }


def arms_of(runs: Sequence[RunFiles]) -> tuple[list[Arm], list[str]]:
    """Return runs by what they searched with, and in which options these differ.

    Where all differ in their seeds only, or nobody knows in what, each is an arm of its own.
    """
    groups: dict[str, list[RunFiles]] = {}
    for run in runs:
        groups.setdefault(_key(run), []).append(run)
    first = [group[0] for group in groups.values()]
    if len(groups) < 2 or any(run.config is None for run in runs):
        return [Arm(f"{run.name}, seed {_seed(run)}", (run,)) for run in runs], []
    told = [_options(run, first[0]) for run in first]
    briefly = [_choices_alone(own) for own in told]
    if len({str(own) for own in briefly}) == len(briefly):
        told = briefly
    names = list(dict.fromkeys(name for own in told for name in own))
    base = {name: old for own in told for name, (old, _) in own.items()}
    labels = [
        ", ".join(
            f"{name.removesuffix('.name')}={_short(own.get(name, (None, base[name]))[1])}" for name in names[:_TOLD]
        )
        for own in told
    ]
    return [Arm(label, tuple(group)) for label, group in zip(labels, groups.values(), strict=True)], names


def pair_of(one: Arm, other: Arm, metric: str, direction: str) -> dict[str, Any] | None:
    """Return by how much one arm is better than another; None where they have no pair."""
    gain = _gain(one, other, metric, 1.0 if direction == "max" else -1.0)
    return None if gain is None else {"one": one.label, "other": other.label, **gain.to_json()}


def _gain(one: Arm, other: Arm, metric: str, sign: float) -> Gain | None:
    ours, theirs = ({_seed(run): run for run in arm.runs if _tests(run, metric)} for arm in (one, other))
    common = sorted(ours.keys() & theirs.keys())
    if len(common) > 1:
        means = [[fmean(_tests(side[seed], metric)) for seed in common] for side in (ours, theirs)]
        return over_seeds([sign * (a - b) for a, b in zip(*means, strict=True)])
    if not common or _task(ours[common[0]]) != _task(theirs[common[0]]):
        return None
    mine, its = ours[common[0]], theirs[common[0]]
    values = [sign * (a - b) for a, b in zip(_tests(mine, metric), _tests(its, metric), strict=False)]
    return over_seeds(values) if len(values) > 1 else _over_nodes(mine, its, values, sign)


def _over_nodes(one: RunFiles, other: RunFiles, values: Sequence[float], sign: float) -> Gain:
    """Return the difference of two single tests with its interval over the nodes that both were tested on."""
    ours, theirs = (
        {
            name: (sign * value, int(examples))
            for name, (value, examples) in run.result["winner"].get("by_node", {}).items()
        }
        for run in (one, other)
    )
    _, error = difference(ours, theirs)
    if math.isinf(error):
        return Gain(fmean(values), None, None, "nothing", 0, tuple(values))
    number = len(ours.keys() & theirs.keys())
    half, mean = t_quantile(number - 1) * error, fmean(values)
    return Gain(mean, mean - half, mean + half, "nodes", number, tuple(values))


def _metric(runs: Sequence[RunFiles]) -> tuple[str, str]:
    """Return the metric that runs are told in; raises `ConfigError` where that is not one."""
    found = {run.name: run.task.head.primary for run in runs if run.task is not None}
    if len(set(found.values())) != 1:
        told = {name: metric for name, (metric, _) in found.items()}
        raise ConfigError(
            "Runs are compared in one metric", told, fix="Name runs for the same task, that met their nodes"
        )
    return next(iter(found.values()))


def _seed(run: RunFiles) -> int:
    return int(run.events[0].get("seed", 0))


def _task(run: RunFiles) -> Any:
    """Return what must be the same for tests to compare: what comes in and what comes out, and not how it is scaled."""
    return None if run.task is None else (run.task.input_shape, run.task.head.kind, run.task.head.output_width)


def _tests(run: RunFiles, metric: str) -> list[float]:
    """Return what the winner of a run has on its tests, one a seed."""
    winner = run.result.get("winner") or {}
    return [test[metric] for test in winner.get("tests", ()) if metric in test]


def _key(run: RunFiles) -> str:
    """Return what is the same for all runs of an arm: all options but the seed and where the run lies."""
    if run.config is None:
        return str(run.folder)
    options = {name: value for name, value in asdict(run.config).items() if name not in ("seed", "run")}
    return json.dumps(options, sort_keys=True, default=str)


def _options(run: RunFiles, first: RunFiles) -> dict[str, tuple[Any, Any]]:
    """Return the options of a run that differ from those of the first, choices before their options."""
    assert run.config is not None
    assert first.config is not None
    return {name: (old, new) for name, old, new in differences(first.config, run.config) if name != "seed"}


def _choices_alone(options: Mapping[str, tuple[Any, Any]]) -> dict[str, tuple[Any, Any]]:
    """Return options without those of an axis on which another choice was made: they come with the choice."""
    axes = {name.removesuffix(".name") for name in options if name.endswith(".name")}
    return {
        name: pair for name, pair in options.items() if name.endswith(".name") or name.partition(".")[0] not in axes
    }


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 24 else f"{text[:23]}…"


def _row(run: RunFiles, arm: int, metric: str, best: list[dict[str, Any]], trials: int) -> dict[str, Any]:
    result, tests = run.result, _tests(run, metric)
    winner: Mapping[str, Any] = result.get("winner") or {}
    return {
        "name": run.name,
        "arm": arm,
        "seed": _seed(run),
        "status": result.get("status", "running"),
        "trials": trials,
        "architecture": winner.get("architecture", ""),
        "mean": fmean(tests) if tests else None,
        "deviation": stdev(tests) if len(tests) > 1 else None,
        "parameters": winner.get("parameters"),
        "macs": winner.get("macs"),
        "mac_examples": sum((result.get("mac_examples") or {}).values()),
        "bytes": sum((result.get("bytes") or {}).values()),
        "seconds": run.events[-1]["time"],
        "best": best,
    }


def _notes(runs: Sequence[RunFiles], arms: Sequence[Arm], found: Sequence[Mapping[str, Any]]) -> list[str]:
    notes = []
    if len({_task(run) for run in runs}) > 1:
        notes.append("The tasks of these runs differ, so their figures do not compare one by one.")
    if len(found) < math.comb(len(arms), 2):
        notes.append("Arms without a run seed in common have no pairs, and no difference is told of them.")
    if any(not (run.result.get("winner") or {}).get("tests") for run in runs):
        notes.append("Not all of these runs have tested a winner.")
    return notes
