"""``flwr-nas search``: one search, or a sweep of them, as Hydra overrides describe."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import ConfigError, FlwrNasError
from server_app.cli.control import go_on_after, run_document
from server_app.cli.flags import status_of, without_flags
from server_app.cli.resume import FLAG, asks_for_help, resume, resumption
from server_app.reporting.telling import ALOUD, Telling

if TYPE_CHECKING:
    from common.config import Config

_FINAL = "--final"


def search(words: Sequence[str], telling: Telling = ALOUD) -> int:
    """Run the search, or the sweep, that Hydra's command line describes, or resume one; returns the exit code."""
    began, overrides = time.time(), without_flags(words)
    if (asked := resumption(overrides)) is not None:
        folder, changes = asked
        code = resume(folder, changes, began, telling)
        telling.result(run_document(Path(folder).expanduser(), code))
        return code
    overrides = with_final(overrides)
    if asks_for_help(overrides) and any(word.partition("=")[0] == FLAG for word in overrides):
        overrides = ["--help"]  # Hydra does not know that flag
    from common.config import run_hydra

    codes: list[int] = []

    def task(config: Config) -> None:
        try:
            codes.append(_search_and_control(config, time.time() if codes else began, telling))
        except FlwrNasError as error:
            telling.fail(str(error))
            telling.result({"status": status_of(1), "folder": None})
            codes.append(1)
        if codes[-1] == 130:
            raise SystemExit(130)  # and no further search of a sweep

    run_hydra(task, overrides)
    return max(codes, default=0)


def with_final(arguments: Sequence[str]) -> list[str]:
    """Return a command line with ``--final knee|all|N`` as the option that it stands for, ``final.front``.

    Raises
    ------
    ConfigError
        There is nothing after it.
    """
    found, words = list[str](), iter(arguments)
    for word in words:
        flag, equals, value = word.partition("=")
        if flag != _FINAL:
            found.append(word)
        elif value := value if equals else next(words, ""):
            found.append(f"final.front={value}")
        else:
            raise ConfigError(f"{_FINAL} needs knee, all or a number after it", fix=f"Write {_FINAL} all")
    return found


def _search_and_control(config: Config, began: float, telling: Telling) -> int:
    from server_app.control import check_control

    check_control(config)
    code, folder = launch_search(config, began, telling=telling)
    code = code or go_on_after(config, folder, telling)
    telling.result(run_document(folder, code))
    return code


def launch_search(config: Config, began: float, again: str | None = None, telling: Telling = ALOUD) -> tuple[int, Path]:
    """Run one search, after what can be known to be wrong with it was said; returns the exit code and the run folder.

    Parameters
    ----------
    config : Config
        Of the search.
    began : float
        When the command was called, in seconds since 1970.
    again : str, optional
        The command that goes on with it if it is interrupted, where that is not ``--resume``.
    telling : Telling
        Hears of it.
    """
    from server_app.build import without_foreign_options
    from server_app.launcher import launch
    from server_app.run_folder import distant_folder, run_folder
    from server_app.unfinished import check_free

    config, notes = without_foreign_options(config)
    for note in notes:
        telling.note(note)

    def check() -> None:
        from server_app.build import rehearse

        rehearse(config)

    if config.federation.name == "simulation":
        folder = run_folder(config.run.dir, config.run.name).absolute()
    elif config.run.dir is None:
        folder = distant_folder(config.run.name)
    else:
        folder = Path(config.run.dir)  # as the ServerApp sees it: its working directory counts
    run = replace(config.run, dir=str(folder), started_at=began)
    if config.federation.name == "simulation":
        run = replace(run, launcher_pid=os.getpid())
        config = replace(config, dataset=config.dataset.at(Path.cwd()))
        if (profile := config.objective.get("latency")) is not None:
            config = replace(config, objective={**config.objective, "latency": str(Path(profile).absolute())})
        imports = [str(Path(name).expanduser().absolute()) for name in config.search.imports]
        config = replace(config, search=replace(config.search, imports=imports))
    made, config = config.run.dir is None, replace(config, run=run)
    check_free(folder, config)
    code = launch(
        {"config": config.to_json()}, config.federation, folder, check, made=made, again=again, telling=telling
    )
    return code, folder
