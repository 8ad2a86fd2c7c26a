"""``flwr-nas personalize RUN``: nodes make models of their own of a finished run's winner, without another search."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import ConfigError
from server_app.cli.flags import add_flags, document_of
from server_app.reporting.telling import Telling

if TYPE_CHECKING:
    from common.config import Config

_METHODS = ("head", "all", "mix")
_ABOUT = """Sends the winner of a finished run to its nodes, each of which makes a model of its own of it, compares it
on its own examples with the winner and with what it trains alone, and keeps the best. Metrics come back. The run is not
touched; what is found lies in its folder personalize/, in place of what lay there."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this subcommand."""
    parser = commands.add_parser("personalize", help="let nodes adapt a run's winner to themselves", description=_ABOUT)
    parser.epilog = "example: flwr-nas personalize runs/NAME --method head"
    parser.add_argument("folder", type=Path, metavar="RUN", help="folder of a finished run")
    parser.add_argument("--method", choices=_METHODS, help="as personal.method (default: that of the run, else mix)")
    parser.add_argument("--epochs", type=int, help="of fine-tuning, as personal.epochs")
    parser.add_argument("--rate", type=float, help="as personal.rate")
    parser.add_argument("--keep", action="store_true", help="as personal.keep: a simulation's models are written")
    add_flags(parser, "what personal.json in RUN/personalize holds", "that folder alone")
    parser.set_defaults(run=_personalize)


def _personalize(arguments: argparse.Namespace) -> int:
    from server_app.run_folder import OWN_MODELS

    telling: Telling = arguments.telling
    run = arguments.folder.absolute()
    with telling.waiting(f"Reading {arguments.folder}"):
        from server_app.personal_run import winner_of
        from server_app.state import config_of

        winner_of(run)  # or say why not before anything is started
        config = config_of(run)
    told = {name: getattr(arguments, name) for name in ("method", "epochs", "rate")}
    given = {name: value for name, value in told.items() if value is not None}
    personal = replace(config.personal, **{"method": config.personal.method or "mix", **given, "keep": arguments.keep})
    config = replace(config, control=None, personal=personal)
    code, folder = _launch(config, run, telling)
    if not code:
        _show(folder, telling)
    telling.result(document_of(folder, code, OWN_MODELS))
    return code


def _launch(config: Config, run: Path, telling: Telling) -> tuple[int, Path]:
    """Run it where the configuration says; returns the exit code and the folder."""
    from server_app.launcher import launch
    from server_app.lock import under_way
    from server_app.run_folder import busy

    folder = run / "personalize"
    if under_way(folder):
        raise busy(folder)
    if folder.is_symlink():
        raise ConfigError("personalize/ in the run folder must be a folder", str(folder), fix="Remove the link")
    shutil.rmtree(folder, ignore_errors=True)
    launcher = os.getpid() if config.federation.name == "simulation" else 0
    began = time.time()
    config = replace(
        config, run=replace(config.run, dir=str(folder), started_at=began, launcher_pid=launcher, resume=False)
    )
    run_config = {"config": config.to_json(), "personalize": str(run)}
    again = f"flwr-nas personalize {run}"
    return launch(run_config, config.federation, folder, lambda: None, again=again, telling=telling), folder


def _show(folder: Path, telling: Telling) -> None:
    """Tell what was found, where it can be seen from here."""
    from rich.console import Group
    from rich.text import Text

    from common.tasks import task_from_record
    from server_app.reporting.cost import costs_in_words
    from server_app.reporting.personal import personal_of_result
    from server_app.run_folder import OWN_MODELS

    if (folder / OWN_MODELS).is_file():
        found = json.loads((folder / OWN_MODELS).read_text(encoding="utf-8"))
        tables, lines = personal_of_result(found, task_from_record(found["task"]).head)
        small_print = [Text(line, style="dim") for line in costs_in_words(found)]
        telling.show(Group(*tables, *lines, *small_print))
