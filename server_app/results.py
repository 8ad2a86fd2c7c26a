"""What a run leaves behind: result.json, history.json, best/."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from common import __version__
from common.architecture.cost import cost_of
from common.config import Config
from common.files import write_aside
from common.groups import PORTFOLIO
from common.jobs import Weights
from common.models.export import save_model
from common.precision import number_bytes
from server_app.candidates import ROLES
from server_app.given import best_of_portfolio
from server_app.journal import write_json
from server_app.outcome import Outcome
from server_app.trials import Trial

_SECONDS = ("start_up", "search", "final")
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
    if (kept := _kept(outcome)) is not None:
        stage, trial, weights = kept
        metadata = {
            "score": result["winner"]["score"],
            "test": dict(trial.metrics) if stage == "final" else {},
            "trained": result["model"],
            "seed": config.seed,
            **outcome.task.head.facts(),
        }
        save_model(folder / "best", trial.spec, outcome.task, weights, metadata)
    return result


def _kept(outcome: Outcome) -> tuple[str, Trial, Weights] | None:
    """Return the winner's weights: of the final training, or while it has none of the best that the search kept."""
    if outcome.final is not None and (weights := outcome.final.weights_of(0)) is not None:
        return "final", outcome.final.trials[0], weights
    search = outcome.search
    for trial in search.ranking:
        if trial.ranks and (weights := search.weights.weights(trial.number)) is not None:
            return "search", trial, weights
    return None


def result_of(config: Config, outcome: Outcome, status: str) -> dict[str, Any]:
    """Return the content of result.json."""
    search, final = outcome.search, outcome.final
    trials = [*search.trials, *(final.trials if final else [])]
    kept = _kept(outcome)
    return {
        "status": status,
        "name": config.run.name,
        **{role: _entry(config, outcome, role) for role in ROLES},
        "model": {"stage": kept[0], "rounds": kept[1].rounds} if kept else None,
        "counts": {
            "trials": len(search.trials),
            "states": dict(Counter(str(trial.state) for trial in search.trials)),
            "rounds": sum(trial.rounds for trial in trials),
            "exchanges": outcome.counts.exchanges,
            "messages": outcome.counts.messages,
            "bytes_down": outcome.counts.bytes_down,
            "bytes_up": outcome.counts.bytes_up,
            "nodes": len(outcome.nodes),
        },
        "seconds": _seconds(outcome.seconds),
        "node_seconds": {
            "search": round(sum(trial.ledger.node_seconds for trial in search.trials), 3),
            "final": round(sum(trial.ledger.node_seconds for trial in final.trials), 3) if final else 0.0,
        },
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
        "parameters": cost.parameters,
        "macs": cost.macs,
        "message_bytes": (cost.parameters + cost.buffers) * number_bytes(config.federation.precision),
        "bytes_sent": final.ledger.bytes_down + final.ledger.bytes_up if final else 0,
        "failure": (final or trial).failure,
    }


def _found(config: Config, outcome: Outcome, role: str) -> tuple[Trial | None, str]:
    """Return the trial of the search that a candidate is, if it is one, and where the candidate comes from."""
    if role == "winner":
        winner = outcome.search.winner
        return winner, winner.origin if winner else ""
    if role == "baseline" and config.final.baseline == PORTFOLIO:
        return best_of_portfolio(outcome.search.ranking), PORTFOLIO
    return None, "given" if role == "baseline" else "reference"


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
