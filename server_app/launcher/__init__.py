"""Starting a search on Flower from the command line, following it, and leaving nothing behind.

bundle.py       the app's files, wherever this package is installed
control.py      what we ask of a SuperLink
roles.py        runs inside the processes that are started here
proxies.py      which proxy of the environment leads where, and none to this machine
processes.py    start processes, find their descendants, end them
folder.py       a run folder for one command alone
left.py         what a command that was killed left running
simulation.py   a private SuperLink and Flower's simulation engine
deployment.py   a run on a SuperLink that somebody else runs
follow.py       the journal of a run that goes on elsewhere
interrupts.py   Ctrl-C
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import FederationError, FlwrNasError
from server_app.launcher.folder import kept, kept_again
from server_app.launcher.follow import Ending, ResumedTail, Tail
from server_app.launcher.interrupts import Interrupted, Interrupts
from server_app.reporting.telling import ALOUD, Telling
from server_app.run_folder import JOURNAL

if TYPE_CHECKING:
    from common.groups import FederationConfig

FINISHED, FAILED, INTERRUPTED = 0, 1, 130


def launch(
    run_config: Mapping[str, str],
    federation: FederationConfig,
    run_dir: Path,
    rehearse: Callable[[], None] = lambda: None,
    *,
    made: bool = False,
    again: str | None = None,
    resumed_at: float | None = None,
    telling: Telling = ALOUD,
) -> int:
    """Run one search until it ends or somebody stops it.

    Parameters
    ----------
    run_config : mapping of str to str
        Flower's, as `server_app.run` reads it.
    federation : FederationConfig
        Where to run it.
    run_dir : Path
        The run folder; for a deployment, as the SuperLink sees it.
    made : bool
        Whether the folder is there because this command has just made it.
    again : str, optional
        The command that goes on with an interrupted run, where that is not ``flwr-nas search --resume``.
    rehearse : callable, optional
        Raises `FlwrNasError` if the configuration cannot work; called while Flower starts, before the run begins.
    resumed_at : float, optional
        For a run that is resumed: its ``run.started_at``, by which its journal tells it from the run before.
    telling : Telling
        Hears how far it is, and how it ends.

    Returns
    -------
    int
        Exit code of the command: 0 finished, 1 failed (the reason was printed), 130 interrupted.

    Raises
    ------
    StorageError
        The folder of a simulation cannot be made, or it is another run's.
    """
    simulated = federation.name == "simulation"
    again = again or shlex.join(["flwr-nas", "search", "--resume", str(run_dir)])
    with Interrupts() as interrupts, _folder(run_dir, made, resumed_at is not None) if simulated else nullcontext():
        journal = run_dir / JOURNAL
        tail = Tail(journal) if resumed_at is None else ResumedTail(journal, resumed_at)
        try:
            if simulated:
                from server_app.launcher.simulation import simulate

                ending = simulate(run_config, federation, tail, run_dir, interrupts, rehearse, telling)
            else:
                from server_app.launcher.deployment import deploy

                rehearse()
                ending = deploy(run_config, federation, tail, run_dir, interrupts, telling)
        except Interrupted:
            ending = Ending("stopped", "The run was interrupted.")
        except FederationError as error:
            ending = Ending("failed", str(error))
        except FlwrNasError as error:
            ending, again = Ending("failed", str(error)), ""  # it was refused, and would be again
    if interrupts.unread and ending.status == "stopped":
        ending = Ending("stopped", "Nobody reads the output any more, so the run was stopped.")
    say = partial(print, file=sys.stderr, flush=True) if interrupts.unread else telling.say
    _tell(ending, run_dir, again, telling, say)
    return {"finished": FINISHED, "stopped": INTERRUPTED}.get(ending.status, FAILED)


def _folder(run_dir: Path, made: bool, resumed: bool) -> AbstractContextManager[None]:
    return kept_again(run_dir) if resumed else kept(run_dir, made)


def _tell(ending: Ending, run_dir: Path, again: str, telling: Telling, say: Callable[[str], None]) -> None:
    """Tell what was found so far, where everything is, and how to go on if that is of use."""
    result = run_dir / "result.json"
    if ending.status != "finished":
        telling.fail(ending.message or ending.status)
    elif result.is_file():
        from server_app.reporting.table import render

        telling.show(render(json.loads(result.read_text(encoding="utf-8"))))
    if run_dir.is_dir():
        if ending.status != "finished":
            from server_app.reporting.model import kept_model

            if model := kept_model(run_dir):
                say(model)
        from server_app.report.write import report_at_end

        if report := report_at_end(run_dir):
            say(report)
        say(f"Run folder: {run_dir}")
    if ending.status != "finished" and again:
        from server_app.unfinished import can_go_on

        if can_go_on(run_dir):
            say(f"To go on: {again}")
