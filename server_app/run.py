"""One run: from a run config to a run folder, whatever happens in between."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from logging import WARNING
from pathlib import Path
from typing import Any

from flwr.common.logger import log
from flwr.serverapp import Grid

from common.config import Config, compose_config, from_json
from common.errors import ConfigError, FlwrNasError, StorageError
from server_app.blobs import Blobs, keys_in
from server_app.build import build_strategy, without_foreign_options
from server_app.candidates import models_to_train, taken_over
from server_app.changes import changed_code, changed_config, overridden
from server_app.exchange import StopRequested
from server_app.journal import START, Journal
from server_app.lock import RunLock, end_earlier
from server_app.outcome import Outcome
from server_app.reporting.lines import log_event
from server_app.reporting.model import STAGES
from server_app.results import write_config, write_results
from server_app.run_folder import (
    JOURNAL,
    WEIGHTS,
    came_to,
    check_fresh,
    check_resumable,
    forget_state,
    forget_stop,
    run_folder,
)
from server_app.state import config_of, misread, read_state, this_code, write_state
from server_app.trackers.listener import Tracking, track
from server_app.watch import stop_watch
from server_app.wiring import chosen

_SHARE = 0.04
"""Of a run's time that saving it may take."""

_MISREAD = (LookupError, TypeError, ValueError, AttributeError)
"""What comes of a state that another version laid out, before anything of it is used."""

Save = Callable[[Callable[[], dict[str, Any]]], None]


@dataclass(frozen=True)
class Opened:
    """A run folder that is ours.

    Parameters
    ----------
    journal : Journal
        At the line with which the run begins, or goes on.
    config : Config
        As the folder keeps it: of a run that goes on, with the time when it first began.
    state : dict, optional
        What was saved of the run.
    problem : StorageError, optional
        Why its configuration could not be written.
    """

    journal: Journal
    config: Config
    state: dict[str, Any] | None
    problem: StorageError | None


def run(grid: Grid, run_config: Mapping[str, Any], run_id: int = 0) -> None:
    """Run one search, or go on with one, and leave its run folder, also where it ends early.

    Parameters
    ----------
    grid : Grid
        Flower's way to the nodes.
    run_config : mapping
        ``config``: a whole configuration as JSON, as the flwr-nas command sends it; or ``overrides``:
        Hydra overrides, as a person types them after ``flwr run``.
    run_id : int
        Flower's number of the run.
    """
    config = read_config(run_config, "simulation" if type(grid).__name__ == "InMemoryGrid" else "deployment")
    folder = run_folder(config.run.dir, config.run.name)
    changes = _free(folder, config)
    with RunLock(folder, run_id), _opened(folder, config, changes) as opened:
        began, journal = time.time(), opened.journal
        status, message, strategy, tracking = "failed", "", None, None
        try:
            if opened.problem is not None:
                raise opened.problem
            tracking = track(opened.config, folder, journal)
            blobs = Blobs(folder / WEIGHTS)
            strategy = build_strategy(
                config,
                journal,
                stop_watch(folder, config.run.launcher_pid),
                blobs=blobs,
                save=saver(folder, opened.config, journal, blobs, opened.state),
                state=opened.state,
                start_up=began - (config.run.started_at or began),
                folder=folder,
            )
            strategy.start(grid=grid)
            status = "finished"
        except StopRequested as reason:
            status, message = "stopped", str(reason)
        except FlwrNasError as error:
            message = str(error)
            raise
        except Exception as error:
            loading = opened.state is not None and (strategy is None or strategy.outcome is None)
            if loading and isinstance(error, _MISREAD):
                told = misread(folder, error)
                message = str(told)
                raise told from error
            message = f"{type(error).__name__}: {error}"
            raise
        finally:
            outcome = strategy.outcome if strategy is not None else None
            _close(folder, config, outcome, journal, status, message, tracking)


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
    composed = compose_config(overrides)
    if composed.run.resume:
        return _resumed_config(composed, overrides)
    config, notes = without_foreign_options(composed)
    for note in notes:
        log(WARNING, "%s", note)
    # Flower, not we, decides how many nodes `flwr run` simulates.
    return replace(config, federation=replace(config.federation, nodes=None))


def saver(folder: Path, config: Config, journal: Journal, blobs: Blobs, state: dict[str, Any] | None = None) -> Save:
    """Return a function that saves a state, as `Blobs.put_state` returned it, so that the run can go on from there.

    It takes what returns the state, and does not ask for it where the last save was a moment ago: of a search whose
    rounds take milliseconds, saving each would be a good part. What is lost is as much work as 25 saves take.

    A full disk does not end a search: it says so once, and the state before stays, with what it names. So it does where
    the journal was lost, since a state belongs to a line of it.

    Parameters
    ----------
    folder, config, journal, blobs : Path, Config, Journal, Blobs
        Of the run.
    state : dict, optional
        What the run goes on from.
    """
    lost, named, due = False, keys_in(state), 0.0

    def save(state_of: Callable[[], dict[str, Any]]) -> None:
        nonlocal lost, named, due
        began = time.monotonic()
        if began < due:
            return
        state = state_of()
        try:
            journal.sync()
            blobs.sync()
            if (position := journal.position) is not None:
                write_state(folder, state, position, config)
                named = keys_in(state)
            lost = False
        except StorageError as error:
            if not lost:
                journal.write("state_lost", reason=str(error))
            lost = True
        blobs.sweep(keys_in(state) | named)
        due = time.monotonic() + (time.monotonic() - began) / _SHARE

    blobs.sweep(named)
    return save


def _resumed_config(composed: Config, overrides: Sequence[str]) -> Config:
    """Return the configuration that lies in the run folder, with what people want to have changed."""
    folder = Path(str(composed.run.dir))
    check_resumable(folder)
    saved = config_of(folder)
    changed = overridden(saved, [override for override in overrides if not override.startswith("run.")])
    run = replace(composed.run, name=saved.run.name)
    return replace(changed, run=run)


def _free(folder: Path, config: Config) -> list[str]:
    """Make sure that the folder is this run's, and return what the reader must know of that, in sentences.

    Raises
    ------
    StorageError
        Another run has it, or it holds none to go on with.
    ConfigError
        The run that it holds is another one.
    """
    if not config.run.resume:
        check_fresh(folder)
        return []
    check_resumable(folder)
    saved = read_state(folder)
    before = config_of(folder) if saved is None else saved.config  # config.yaml is for people, who may write in it
    told = [changed_config(before, config), end_earlier(folder)]
    forget_stop(folder)
    check_resumable(folder)  # the earlier one may have finished meanwhile
    return [sentence for sentence in told if sentence]


def _described(folder: Path, config: Config, began_as: Config) -> tuple[Config, StorageError | None]:
    """Write config.yaml, so that a run can be resumed from its first line on; return it, and what kept us from it.

    That is the journal's to tell, and there is none yet.
    """
    kept = replace(config, run=replace(config.run, resume=False, started_at=began_as.run.started_at))
    try:
        write_config(folder, kept)
    except StorageError as error:
        return kept, error
    return kept, None


@contextmanager
def _opened(folder: Path, config: Config, changes: list[str]) -> Iterator[Opened]:
    """Open the journal, and return it with what was saved of the run; without that it begins anew, and says so."""
    path, resume = folder / JOURNAL, config.run.resume
    if not resume:
        check_fresh(folder)  # once more: another run may have had the lock before us
    saved = read_state(folder) if resume else None
    if saved is not None and (sentence := changed_code(saved.code, this_code())) is not None:
        changes = [*changes, sentence]
    position = START if saved is None else saved.journal
    again = resume and saved is None and came_to(folder, "search")
    first = (config_of(folder) if saved is None else saved.config) if resume else config
    kept, problem = _described(folder, config, first)
    several = chosen(config, "objective")[0].several
    with Journal.resumed(path, position, log_event) if resume else Journal(path, log_event) as journal:
        if saved is None:
            journal.write(
                "start",
                name=config.run.name,
                seed=config.seed,
                folder=str(folder),
                started_at=config.run.started_at,
                models=models_to_train(config.final, several),
                taken_over=taken_over(config.final, several),
                seeds=config.final.seeds,
                budget=config.search.budget.limits,
            )
            if again:
                journal.write("anew")
        else:
            journal.write("resuming", line=position["line"], changes=changes, started_at=config.run.started_at)
        yield Opened(journal, kept, None if saved is None else saved.state, problem)


def _close(
    folder: Path,
    config: Config,
    outcome: Outcome | None,
    journal: Journal,
    status: str,
    message: str,
    tracking: Tracking | None,
) -> None:
    """Write what was found; a run that cannot even write says so and keeps its own error."""
    if outcome is not None:
        try:
            model = write_results(folder, config, outcome, status)["model"]
            if model is not None and status == "failed":
                message = f"{message} best/ keeps the winner as {STAGES[model['stage']]} left it."
        except FlwrNasError as error:
            status, message = "failed", message or str(error)
    if tracking is not None:
        tracking.finish(status, folder)
    forget_stop(folder)
    journal.write("end", status=status, message=message)
    if status == "finished":
        forget_state(folder)
