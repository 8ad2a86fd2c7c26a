"""A run of one stage in a folder of its own: whatever happens, what was found is left behind and the journal ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from common.errors import FlwrNasError
from server_app.exchange import StopRequested
from server_app.journal import Journal, write_json
from server_app.lock import RunLock
from server_app.reporting.lines import log_event
from server_app.run_folder import JOURNAL, check_fresh, forget_stop, run_folder
from server_app.watch import stop_watch

if TYPE_CHECKING:
    from flwr.serverapp import Grid

    from common.config import Config
    from server_app.plan import Plan

P = TypeVar("P", bound="Plan")


def run_one_stage(
    grid: Grid,
    config: Config,
    told: Mapping[str, Any],
    make: Callable[[Journal, Callable[[], str | None], Path], P],
    file: str,
    record: Callable[[P, str], Mapping[str, Any]],
) -> None:
    """Make a plan, run it, and leave a folder with what it found, also where it ends early.

    Parameters
    ----------
    grid : Grid
        Flower's way to the nodes.
    config : Config
        Of the run.
    told : mapping of str to Any
        What the event ``start`` says besides what it says of every run.
    make : callable
        From the journal, what asks whether to stop, and the folder: the plan.
    file : str
        What is written in the folder.
    record : callable
        From the plan and the run's status: its content, as JSON.
    """
    folder = run_folder(config.run.dir, config.run.name)
    check_fresh(folder)
    with RunLock(folder), Journal(folder / JOURNAL, log_event) as journal:
        run = config.run
        journal.write("start", name=run.name, seed=config.seed, folder=str(folder), started_at=run.started_at, **told)
        plan = make(journal, stop_watch(folder, run.launcher_pid), folder)
        status, message = "failed", ""
        try:
            plan.start(grid=grid)
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
            try:
                write_json(folder / file, record(plan, status))
            except FlwrNasError as error:  # a run that cannot even write says so, and keeps its own error
                status, message = "failed", message or str(error)
            forget_stop(folder)
            journal.write("end", status=status, message=message)
