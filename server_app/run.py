"""One run: from a run config to a run folder, whatever happens in between."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from logging import WARNING
from pathlib import Path
from typing import Any

from flwr.common.logger import log
from flwr.serverapp import Grid

from common.config import Config, compose_config, from_json
from common.errors import ConfigError, FlwrNasError
from server_app.build import build_strategy, without_foreign_options
from server_app.exchange import StopRequested
from server_app.journal import Journal, asked_to_stop, forget_stop, run_folder
from server_app.outcome import Outcome
from server_app.reporting.lines import log_event
from server_app.results import write_config, write_results


def run(grid: Grid, run_config: Mapping[str, Any]) -> None:
    """Run one search and leave its run folder, also where it ends early.

    Parameters
    ----------
    grid : Grid
        Flower's way to the nodes.
    run_config : mapping
        ``config``: a whole configuration as JSON, as the flwr-nas command sends it; or ``overrides``:
        Hydra overrides, as a person types them after ``flwr run``.
    """
    config = read_config(run_config, "simulation" if type(grid).__name__ == "InMemoryGrid" else "deployment")
    folder = run_folder(config.run.dir, config.run.name)
    with Journal(folder / "journal.jsonl", log_event) as journal:
        journal.write("start", name=config.run.name, seed=config.seed, folder=str(folder))
        began = time.time()
        status, message, strategy = "failed", "", None
        try:
            write_config(folder, config)
            strategy = build_strategy(config, journal, stop_watch(folder, config.run.launcher_pid))
            strategy.start(grid=grid)
            status = "finished"
        except StopRequested as reason:
            status, message = "stopped", str(reason)
        except FlwrNasError as error:
            message = str(error)
            raise
        except Exception as error:
            message = f"{type(error).__name__}: {error}"
            raise
        finally:
            outcome = strategy.outcome if strategy is not None else None
            _close(folder, config, outcome, journal, status, message, began)


def read_config(run_config: Mapping[str, Any], federation: str = "simulation") -> Config:
    """Return the configuration of a run config; see `run`.

    Parameters
    ----------
    run_config : mapping
        As of Flower.
    federation : str
        The choice of ``federation`` where the overrides make none: it belongs to where the app runs.
    """
    text = str(run_config.get("config", ""))
    if text:
        try:
            return from_json(text)
        except ValueError as error:
            raise ConfigError(
                f"config must be JSON ({error})", text, fix="Use overrides for what people type"
            ) from None
    try:
        overrides = shlex.split(str(run_config.get("overrides", "")))
    except ValueError as error:
        raise ConfigError(
            "overrides must be words as in a shell", run_config.get("overrides"), fix=str(error)
        ) from None
    if not any(override.startswith("federation=") for override in overrides):
        overrides.insert(0, f"federation={federation}")
    config, notes = without_foreign_options(compose_config(overrides))
    for note in notes:
        log(WARNING, "%s", note)
    # Flower, not we, decides how many nodes `flwr run` simulates.
    return replace(config, federation=replace(config.federation, nodes=None))


def stop_watch(folder: Path, launcher_pid: int) -> Callable[[], str | None]:
    """Return a function that tells why the run should stop: a file named ``stop``, or its launcher gone."""

    def stop() -> str | None:
        if asked_to_stop(folder):
            return "The run was asked to stop."
        if launcher_pid and not _alive(launcher_pid):
            return "The flwr-nas command that started the run is gone."
        return None

    return stop


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _close(
    folder: Path, config: Config, outcome: Outcome | None, journal: Journal, status: str, message: str, began: float
) -> None:
    """Write what was found; a run that cannot even write says so and keeps its own error."""
    if outcome is not None:
        started = config.run.started_at or began
        outcome.seconds["start_up"] = began - started + outcome.seconds.pop("handshake", 0.0)
        try:
            model = write_results(folder, config, outcome, status)["model"]
            if model is not None and status == "failed":
                message = f"{message} best/ keeps the winner as the {model['stage']} trained it."
        except FlwrNasError as error:
            status, message = "failed", message or str(error)
    forget_stop(folder)
    journal.write("end", status=status, message=message)
