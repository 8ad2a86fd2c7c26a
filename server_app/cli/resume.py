"""``flwr-nas search --resume RUN_DIR``: go on with a run that was stopped, or killed."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from common.errors import ConfigError
from server_app.cli.control import go_on_after
from server_app.reporting.telling import ALOUD, Telling

FLAG = "--resume"


def asks_for_help(arguments: Sequence[str]) -> bool:
    """Return whether a command line wants to be explained, whatever else it says."""
    return "--help" in arguments or "-h" in arguments


def resumption(arguments: Sequence[str]) -> tuple[str, list[str]] | None:
    """Return the folder and the overrides of a command line that resumes a run; None of any other, as of ``--help``.

    Raises
    ------
    ConfigError
        No folder is named, or other flags stand beside it.
    """
    places = [place for place, argument in enumerate(arguments) if argument.partition("=")[0] == FLAG]
    if not places or asks_for_help(arguments):
        return None
    first = places[0]
    _, equals, folder = arguments[first].partition("=")
    rest = [*arguments[:first], *arguments[first + 1 :]]
    if not equals and first < len(rest):
        folder = rest.pop(first)
    if not folder or folder.startswith("-"):
        raise ConfigError(
            f"{FLAG} needs the folder of a run after it",
            *([folder] if folder else []),
            fix=f"Usage: flwr-nas search {FLAG} RUN_DIR [federation.OPTION=VALUE ...] [tracker=CHOICE]",
        )
    for argument in rest:
        if argument.startswith("-"):
            raise ConfigError(
                f"{FLAG} goes on with one run, and takes options of federation and of the tracker only",
                argument,
                fix="Leave it out; see flwr-nas search --help",
            )
    return folder, rest


def resume(folder: str, overrides: Sequence[str], began: float, telling: Telling = ALOUD) -> int:
    """Go on with a run; returns the exit code.

    Parameters
    ----------
    folder : str
        Its run folder; of a deployment also as the SuperLink's machine sees it, with ``federation=deployment`` among
        the overrides.
    overrides : sequence of str
        See `server_app.changes`.
    began : float
        When the command was called, in seconds since 1970.
    telling : Telling
        Hears of it.
    """
    path = Path(folder).expanduser()
    if "federation=deployment" in overrides and not path.is_dir():
        return _resume_there(folder, overrides, began, telling)
    return _resume_here(path, overrides, began, telling)


def _resume_here(path: Path, overrides: Sequence[str], began: float, telling: Telling) -> int:
    from server_app.changes import overridden
    from server_app.launcher import launch
    from server_app.lock import followed
    from server_app.run_folder import busy
    from server_app.unfinished import read_unfinished

    if followed(path):
        raise busy(path, resumed=True)
    config = overridden(read_unfinished(path)[0], overrides)
    if config.federation.name == "simulation":
        path = path.absolute()
        launcher, place = os.getpid(), str(path)
    else:
        launcher, place = 0, config.run.dir or str(path)  # as the ServerApp sees it, which may lie in a container
    run = replace(config.run, dir=place, launcher_pid=launcher, started_at=began, resume=True)
    config = replace(config, run=run)

    def check() -> None:
        from server_app.build import rehearse

        rehearse(config)

    code = launch({"config": config.to_json()}, config.federation, path, check, resumed_at=began, telling=telling)
    return code or go_on_after(config, path, telling)


def _resume_there(folder: str, overrides: Sequence[str], began: float, telling: Telling) -> int:
    """Ask the ServerApp to go on in a folder that cannot be seen from here, with the configuration that is there."""
    from common.config import compose_config
    from server_app.launcher import launch

    words = [*overrides, f"run.dir={folder}", "run.resume=true", f"run.started_at={began!r}"]
    config = compose_config(words)
    run_config = {"overrides": shlex.join(words)}
    return launch(run_config, config.federation, Path(folder), resumed_at=began, telling=telling)
