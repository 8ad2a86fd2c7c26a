"""Starting a search on Flower from the command line, following it, and leaving nothing behind.

bundle.py       the app's files, wherever this package is installed
control.py      what we ask of a SuperLink
child.py        runs inside the processes that are started here
proxies.py      which proxy of the environment leads where, and none to this machine
processes.py    start processes, find their descendants, end them
folder.py       a run folder for one command alone
simulation.py   a private SuperLink and Flower's simulation engine
deployment.py   a run on a SuperLink that somebody else runs
follow.py       the journal of a run that goes on elsewhere
interrupts.py   Ctrl-C
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import FlwrNasError
from server_app.launcher.folder import kept
from server_app.launcher.follow import Ending
from server_app.launcher.interrupts import Interrupted, Interrupts

if TYPE_CHECKING:
    from common.config import FederationConfig

FINISHED, FAILED, INTERRUPTED = 0, 1, 130


def launch(
    config: str,
    federation: FederationConfig,
    run_dir: Path,
    rehearse: Callable[[], None] = lambda: None,
    *,
    made: bool = False,
) -> int:
    """Run one search until it ends or somebody stops it.

    Parameters
    ----------
    config : str
        The whole configuration as JSON, for the run config's ``config``.
    federation : FederationConfig
        Where to run it.
    run_dir : Path
        The run folder; for a deployment, as the SuperLink sees it.
    made : bool
        Whether the folder is there because this command has just made it.
    rehearse : callable, optional
        Raises `FlwrNasError` if the configuration cannot work; called while Flower starts, before the run begins.

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
    with Interrupts() as interrupts, kept(run_dir, made) if simulated else nullcontext():
        try:
            if simulated:
                from server_app.launcher.simulation import simulate

                ending = simulate(config, federation, run_dir, interrupts, rehearse)
            else:
                from server_app.launcher.deployment import deploy

                rehearse()
                ending = deploy(config, federation, run_dir, interrupts)
        except Interrupted:
            ending = Ending("stopped", "The run was interrupted.")
        except FlwrNasError as error:
            ending = Ending("failed", str(error))
    _show(ending, run_dir)
    return {"finished": FINISHED, "stopped": INTERRUPTED}.get(ending.status, FAILED)


def _show(ending: Ending, run_dir: Path) -> None:
    """Print what was found, and where everything is."""
    result = run_dir / "result.json"
    if ending.status != "finished":
        print(f"flwr-nas: {ending.message or ending.status}", file=sys.stderr)
    elif result.is_file():
        from rich.console import Console

        from server_app.reporting.table import render

        Console().print(render(json.loads(result.read_text(encoding="utf-8"))))
    if run_dir.is_dir():
        print(f"Run folder: {run_dir}", flush=True)
