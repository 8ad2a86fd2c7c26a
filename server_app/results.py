"""What a run leaves behind: result.json, history.json, best/."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from common import __version__
from common.config import Config
from common.files import write_aside
from common.models.export import save_model
from common.precision import number_bytes
from server_app.budget import Spent
from server_app.candidates import ROLES
from server_app.entries import entry_of, finalists_of
from server_app.journal import write_json
from server_app.kept import kept_of
from server_app.outcome import Outcome
from server_app.stages.rounds import Rounds

_SECONDS = ("start_up", "search", "finalists", "final")
_PACKAGES = ("flwr", "torch", "numpy", "hydra-core", "ray")


def write_config(folder: Path, config: Config) -> None:
    """Write config.yaml."""
    write_aside(folder / "config.yaml", config.to_yaml())


def write_results(folder: Path, config: Config, outcome: Outcome, status: str) -> dict[str, Any]:
    """Write all that a run found, and return the content of result.json.

    Parameters
    ----------
    folder : Path
        The run folder.
    config : Config
        What was run.
    outcome : Outcome
        What was found, perhaps not all of it.
    status : str
        ``finished``, ``failed`` or ``stopped``.
    """
    write_json(folder / "history.json", [trial.to_json() for trial in outcome.search.ranking])
    result = result_of(config, outcome, status)
    write_json(folder / "result.json", result)
    if (kept := kept_of(outcome)) is not None:
        metadata = {
            "score": result["winner"]["score"],
            "test": kept.test,
            "trained": result["model"],
            "seed": config.seed,
            **outcome.task.head.facts(),
        }
        save_model(folder / "best", kept.trial.spec, outcome.task, kept.weights, metadata)
    return result


def result_of(config: Config, outcome: Outcome, status: str) -> dict[str, Any]:
    """Return the content of result.json."""
    search, kept = outcome.search, kept_of(outcome)
    return {
        "status": status,
        "name": config.run.name,
        **{role: entry_of(config, outcome, role) for role in ROLES},
        "finalists": finalists_of(outcome),
        "model": None if kept is None else kept.told,
        "counts": {
            "trials": len(search.trials),
            "states": dict(Counter(str(trial.state) for trial in search.trials)),
            "rounds": _rounds(outcome),
            "exchanges": outcome.counts.exchanges,
            "messages": outcome.counts.messages,
            "bytes_down": outcome.counts.bytes_down,
            "bytes_up": outcome.counts.bytes_up,
            "nodes": len(outcome.nodes),
        },
        "seconds": _seconds(outcome.seconds),
        **_costs({"search": search.trials, "final": final.trials if final else []}),
        "seed": config.seed,
        "task": outcome.task.to_record(),
        "limits": outcome.limits.to_dict(),
        "precision": config.federation.precision,
        "versions": _versions(),
        "finished_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _entry(config: Config, outcome: Outcome, role: str) -> dict[str, Any] | None:
    """Return what is told of a candidate of the final training; None where there is none, or it has not begun."""
    found, origin = _found(config, outcome, role)
    final = outcome.final.trial_of(role) if outcome.final else None
    trial = final if role != "winner" else found
    if trial is None:
        return None
    cost = cost_of(trial.spec.lower(outcome.task))
    last = (found or trial).last
    return {
        "trial": found.number if found else None,
        "origin": origin,
        "id": trial.spec.id,
        "architecture": trial.spec.describe(),
        "spec": trial.spec.to_dict(),
        "recipe": trial.recipe.to_json(),
        "feasible": last.feasible if last else None,
        "score": found.score if found else None,
        "validation": dict(found.metrics) if found else {},
        "test": dict(final.metrics) if final else {},
        "tests": [dict(final.metrics)] if final and final.metrics else [],
        "parameters": cost.parameters,
        "macs": cost.macs,
        "message_bytes": (cost.parameters + cost.buffers) * number_bytes(config.federation.precision),
        "bytes_sent": final.ledger.bytes_down + final.ledger.bytes_up if final else 0,
        "failure": (final or trial).failure,
    }


def _node_seconds(stage: Rounds) -> float:
    return round(sum(trial.ledger.node_seconds for trial in stage.trials), 3)


def _costs(stages: Mapping[str, Sequence[Trial]]) -> dict[str, dict[str, float]]:
    """Return what the trials of each stage have cost, by currency."""
    spent = {stage: Spent.of(trials) for stage, trials in stages.items()}
    return {
        "mac_examples": {stage: cost.mac_examples for stage, cost in spent.items()},
        "node_seconds": {stage: round(cost.node_seconds, 3) for stage, cost in spent.items()},
        "bytes": {stage: cost.bytes for stage, cost in spent.items()},
    }


def _seconds(of: Mapping[str, float]) -> dict[str, float]:
    """Return what took how long; a run has started up once it has met its nodes."""
    known = {**of, "start_up": of.get("start_up", 0.0) + of.get("handshake", 0.0)}
    return {name: round(known[name], 3) for name in _SECONDS if name in known}


def _versions() -> dict[str, str]:
    found = {"flwr-nas": __version__}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
