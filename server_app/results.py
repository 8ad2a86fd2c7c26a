"""What a run leaves behind: result.json, history.json, best/, classes/."""

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
from server_app.budget import Spent
from server_app.candidates import ROLES
from server_app.classes import class_entries, classes_of, write_classes
from server_app.darts.picture import draw_alphas
from server_app.entries import bilevel_entry, entry_of, finalist_entries, front_entries, personal_entry
from server_app.front import measured
from server_app.front_picture import draw_front
from server_app.journal import write_json
from server_app.kept import kept_front, kept_of
from server_app.outcome import Outcome
from server_app.run_folder import FRONT, HISTORY, RESULT
from server_app.supernet.file import write_supernet
from server_app.trials import Trial, TrialState

_SECONDS = ("start_up", "warm_up", "bilevel", "search", "finalists", "final", "personal")
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
    write_json(folder / HISTORY, [trial.to_json() for trial in outcome.search.ranking])
    result = result_of(config, outcome, status)
    write_json(folder / RESULT, result)
    if (tensors := outcome.search.weights.network()) is not None:
        write_supernet(folder, tensors)
    facts = {"seed": config.seed, **outcome.task.head.facts()}
    write_classes(folder, outcome, classes_of(outcome), facts)
    if (kept := kept_of(outcome)) is not None:
        metadata = {
            "score": result["winner"]["score"],
            "test": kept.test,
            "trained": result["model"],
            **({} if kept.threshold is None else {"threshold": kept.threshold}),
            **facts,
        }
        save_model(folder / "best", kept.trial.spec, outcome.task, kept.weights, metadata)
    if outcome.search.objectives.several:
        _write_front(folder, config, outcome)
    if outcome.bilevel is not None:
        draw_alphas(folder, outcome.bilevel)
    return result


def _write_front(folder: Path, config: Config, outcome: Outcome) -> None:
    """Write the models of the front but for the winner's, and its picture."""
    for name, kept in kept_front(outcome).items():
        scores = {trial.identity: trial.score for trial in outcome.search.front}
        metadata = {
            "score": scores.get(kept.trial.identity),
            "test": kept.test,
            "trained": kept.told,
            **({} if kept.threshold is None else {"threshold": kept.threshold}),
            "seed": config.seed,
            **outcome.task.head.facts(),
        }
        save_model(folder / FRONT / name, kept.trial.spec, outcome.task, kept.weights, metadata)
    draw_front(folder, outcome.search)


def result_of(config: Config, outcome: Outcome, status: str) -> dict[str, Any]:
    """Return the content of result.json."""
    search, kept = outcome.search, kept_of(outcome)
    return {
        "status": status,
        "name": config.run.name,
        **{role: entry_of(config, outcome, role) for role in ROLES},
        "finalists": finalist_entries(outcome),
        **({"front": front_entries(config, outcome), **measured(search)} if search.objectives.several else {}),
        "final_rounds": None if outcome.final is None else outcome.final.rounds,
        "model": None if kept is None else kept.told,
        "classes": class_entries(outcome, classes_of(outcome)),
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
        **_costs(
            {
                **({stage.name: stage.trials} if (stage := outcome.before) else {}),
                "search": search.trials,
                **({"finalists": outcome.finalists.trials} if outcome.finalists else {}),
                "final": outcome.final.trials if outcome.final else [],
                **({own.name: [own.trial]} if (own := outcome.personal) else {}),
            }
        ),
        **({"bilevel": bilevel_entry(outcome.bilevel)} if outcome.bilevel else {}),
        **({"personal": personal_entry(outcome.personal)} if outcome.personal else {}),
        "seed": config.seed,
        "task": outcome.task.to_record(),
        "limits": outcome.limits.to_dict(),
        "precision": config.federation.precision,
        "versions": _versions(),
        "finished_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _rounds(outcome: Outcome) -> int:
    """Return how many rounds were trained; those of a run that was taken over are the finalists'."""
    trials = [trial for stage in (outcome.search, outcome.finalists) if stage for trial in stage.trials]
    if (final := outcome.final) is not None:
        trials += [trial for trial in final.trials if trial.number not in final.adopted]
    paths = outcome.warm_up.trials if outcome.warm_up is not None else []
    mixed = 0 if outcome.bilevel is None else outcome.bilevel.trained
    return mixed + sum(trial.rounds for trial in trials) + sum(path.state is TrialState.FINISHED for path in paths)


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
