"""One run in which nodes make models of their own of the winner of a finished run: to personal.json, whatever happens.

The winner is that in the run's ``best/``. The seed is the run's, and with it each node's splits: what a node tests on,
it has not trained on, then or now.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import __version__
from common.architecture.cost import cost_of
from common.errors import StorageError
from common.jobs import Weights
from common.models.export import read_model
from common.settings import TrainingSettings
from common.tasks import Task
from server_app.budget import Spent
from server_app.build import without_foreign_options
from server_app.build_closing import personal_settings
from server_app.entries import personal_entry
from server_app.federation import facts_of
from server_app.journal import Journal
from server_app.one_stage import run_one_stage
from server_app.personal_plan import PersonalPlan
from server_app.run import read_config
from server_app.run_folder import OWN_MODELS, RESULT, read_finished
from server_app.scoring import equally_of
from server_app.stages.personal import Personal
from server_app.trials import Trial
from server_app.wiring import told_to_all

if TYPE_CHECKING:
    from flwr.serverapp import Grid

    from common.config import Config


@dataclass(frozen=True)
class Winner:
    """What a finished run has found.

    Parameters
    ----------
    trial : Trial
        Its spec and recipe.
    weights : Weights
        What it was trained to.
    task : Task
        What for.
    rounds : int
        Of its final training.
    """

    trial: Trial
    weights: Weights
    task: Task
    rounds: int


def winner_of(folder: Path) -> Winner:
    """Read the winner of a finished run; raises `StorageError` where its final training has left no model."""
    result = read_finished(folder, RESULT)
    if not result.get("winner") or (result.get("model") or {}).get("stage") != "final" or not result["final_rounds"]:
        raise StorageError(
            "Nodes make models of their own of what a final training has trained, and this run has none",
            str(folder),
            fix="Go on with it by --resume, or run the search again",
        )
    spec, task, weights = read_model(folder / "best")
    recipe = TrainingSettings.from_json(result["winner"]["recipe"])
    return Winner(Trial(0, spec, recipe), weights, task, result["final_rounds"])


def run_personal(grid: Grid, run_config: Mapping[str, Any]) -> None:
    """Let nodes make models of their own, and leave a folder with what they found, also where it ends early.

    Parameters
    ----------
    grid : Grid
        Flower's way to the nodes.
    run_config : mapping
        As of `server_app.run.run`, and ``personalize``: the folder of the run that found the winner.
    """
    winner = winner_of(Path(str(run_config["personalize"])))
    config = read_config(run_config, "simulation" if type(grid).__name__ == "InMemoryGrid" else "deployment")
    run_one_stage(
        grid,
        config,
        {"personalize": str(run_config["personalize"])},
        lambda journal, stop, folder: personal_plan(config, winner, journal, stop, folder),
        OWN_MODELS,
        lambda plan, status: record(config, winner, plan, status),
    )


def personal_plan(
    config: Config,
    winner: Winner,
    journal: Journal,
    stop: Callable[[], str | None] = lambda: None,
    folder: Path | None = None,
) -> PersonalPlan:
    """Build the plan that a configuration with a method describes.

    Parameters
    ----------
    config : Config
        Of the run that found the winner, with what nodes are to do.
    winner : Winner
        What it found.
    journal, stop
        As of `PersonalPlan`.
    folder : Path, optional
        Where what simulated nodes keep is written, if it is.
    """
    config, _ = without_foreign_options(config)
    trial = winner.trial
    return PersonalPlan(
        winner.task,
        lambda roster: Personal(
            trial=trial,
            arrays={"weights": winner.weights},
            macs=cost_of(trial.spec.lower(winner.task)).macs,
            rounds=winner.rounds,
            settings=personal_settings(config, trial.recipe, winner.rounds, folder),
            head=winner.task.head,
            equally=equally_of(config),
            **told_to_all(config, winner.task, journal, roster),
        ),
        facts=facts_of(config, lambda head: head.primary[0]),  # nobody is ranked, so no node need count its classes
        journal=journal,
        stop=stop,
    )


def record(config: Config, winner: Winner, plan: PersonalPlan, status: str) -> dict[str, Any]:
    """Return the content of personal.json.

    Parameters
    ----------
    config, winner, plan
        What was run, with what was found, perhaps not all of it.
    status : str
        ``finished``, ``failed`` or ``stopped``.
    """
    spent = Spent.of([] if plan.stage is None else [plan.stage.trial])
    return {
        "flwr_nas": __version__,
        "status": status,
        "name": config.run.name,
        "seed": config.seed,
        "id": winner.trial.spec.id,
        "architecture": winner.trial.spec.describe(),
        "task": winner.task.to_record(),
        "personal": None if plan.stage is None else personal_entry(plan.stage),
        "counts": asdict(plan.counts),
        "mac_examples": {"personal": spent.mac_examples},
        "node_seconds": {"personal": round(spent.node_seconds, 3)},
        "bytes": {"personal": spent.bytes},
        "seconds": {name: round(value, 3) for name, value in plan.seconds.items()},
        "config": json.loads(config.to_json()),
    }
