"""What a benchmark leaves behind: benchmark.json."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from common import __version__
from common.files import write_aside
from server_app.benchmark.drive import Trace
from server_app.benchmark.settings import Contender, Settings
from server_app.benchmark.statistics import checkpoints, compare, regrets, summarise
from server_app.spaces.tabular import TabularSpace

FILE = "benchmark.json"
KINDS = {
    "incumbent": "what a user gets, the one that its observations rank first",
    "best_seen": "the best that it evaluated, known or not",
}
"""Regrets that are told: how much less than the table's best is worth what."""


def record(
    settings: Settings,
    space: TabularSpace,
    contenders: Sequence[Contender],
    seeds: Sequence[int],
    traces: Mapping[str, Sequence[Trace]],
) -> dict[str, Any]:
    """Return all that was found, as plain JSON values.

    Parameters
    ----------
    settings : Settings
        What was asked for.
    space : TabularSpace
        What was searched; regrets are relative to the best that its constraints allow.
    contenders : sequence of Contender
        The first is the one that the others are compared with.
    seeds : sequence of int
        Of the runs.
    traces : mapping of str to sequence of Trace
        By name of a contender, in the order of `seeds`.
    """
    best = space.best()
    worth = space.entry(best).mean
    missing = {
        kind: {name: regrets([getattr(trace, kind) for trace in runs], worth) for name, runs in traces.items()}
        for kind in KINDS
    }
    points = checkpoints(settings.budget)
    return {
        "flwr_nas": __version__,
        "table": {
            "file": settings.space["table"],
            "entries": len(space.table.entries),
            "allowed": sum(map(space.contains, space.enumerate())),
            "seeds": space.table.seeds,
            "epochs": space.table.epochs if space.table.has_curves else None,
            "best": {"key": best.describe(), "worth": worth},
        },
        "seed": settings.seed,
        "budget": settings.budget,
        "seeds": len(seeds),
        "parallel": settings.parallel,
        "checkpoints": points,
        "contenders": [
            {
                "name": contender.name,
                "controller": {"name": contender.controller, **asdict(contender.controller_options)},
                "fidelity": _fidelity_of(contender),
                "seconds_per_proposal": _seconds(traces[contender.name]),
                "regret": {
                    kind: {str(point): _told(missing[kind], contender, contenders[0], point) for point in points}
                    for kind in KINDS
                },
                "runs": [
                    {"seed": seed, **{kind: missing[kind][contender.name][place].tolist() for kind in KINDS}}
                    for place, seed in enumerate(seeds)
                ],
            }
            for contender in contenders
        ],
    }


def write(folder: Path, found: Mapping[str, Any]) -> Path:
    """Write benchmark.json; returns its path.

    Raises
    ------
    StorageError
        The folder cannot be written.
    """
    write_aside(folder / FILE, json.dumps(found, indent=1))
    return folder / FILE


def _fidelity_of(contender: Contender) -> dict[str, Any]:
    """Return a fidelity with its options, but for those that a table has no use for."""
    options = asdict(contender.fidelity_options)
    return {"name": contender.fidelity, **{name: value for name, value in options.items() if name != "proxy"}}


def _told(missing: Mapping[str, Any], contender: Contender, first: Contender, point: int) -> dict[str, float]:
    """Return what is told of a contender's regrets after `point` evaluations."""
    values = missing[contender.name][:, point - 1]
    told = asdict(summarise(values))
    if contender is not first:
        told |= asdict(compare(values, missing[first.name][:, point - 1]))
    return told


def _seconds(traces: Sequence[Trace]) -> dict[str, float]:
    return {
        "mean": float(np.mean([trace.seconds for trace in traces])),
        "last_tenth": float(np.mean([trace.late_seconds for trace in traces])),
    }
