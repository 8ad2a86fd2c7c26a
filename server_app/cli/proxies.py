"""``flwr-nas proxies``: a first look at hundreds of specs of a space, scored without training in one message a node."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import ConfigError
from server_app.cli.flags import document_of, without_flags
from server_app.cli.resume import asks_for_help
from server_app.reporting.telling import ALOUD, Telling

if TYPE_CHECKING:
    from common.config import Config

_HELP = """Scores hundreds of specs of a space without training them: a first look that costs each node one message.

  flwr-nas proxies count=500
  flwr-nas proxies count=500 space=mobile dataset=local dataset.path=FILE
  flwr-nas proxies federation=deployment run.dir=FOLDER

Parameters, MACs and entropy follow from the spec. The nodes compute synflow, the norm of the first gradient and NASWOT,
each on one mini-batch of its own, with initial weights that all draw alike; what a node sends is one number for each
spec and score, and the server takes the mean over nodes. The table has the best by each score. proxies.json in the run
folder has all specs, best mean rank first; any of them can be tried first in a search, by search.start. With --quiet
the run folder alone is printed, with --json what proxies.json holds.

How well these scores tell what training would differs from data to data; the README says what was measured. All options
of flwr-nas search hold too: seed draws specs, weights and mini-batches, training.batch_size is the size of these, and
preprocessing.min_examples their smallest one. What follows matters most here.
"""

_GROUPS = ("space", "dataset", "training", "objective", "federation")


def proxies(words: Sequence[str], telling: Telling = ALOUD) -> int:
    """Score what overrides describe, and show the best; returns the exit code."""
    began, arguments = time.time(), without_flags(words)
    if asks_for_help(arguments):
        print(_help([argument for argument in arguments if not argument.startswith("-")]))
        return 0
    if flags := [argument for argument in arguments if argument.startswith("-")]:
        raise ConfigError(
            "Nothing but overrides, --quiet, --json and --help may follow proxies", flags[0], fix="Leave it out"
        )
    from common.config import compose_proxies
    from server_app.build import without_foreign_options
    from server_app.run_folder import SCORES

    config, own = compose_proxies(arguments)
    config, notes = without_foreign_options(config)
    for note in notes:
        if note.startswith(tuple(f"{group}=" for group in _GROUPS)):
            telling.note(note)
    code, folder = _launch(config, own.count, began, telling)
    if not code:
        _show(folder, own.top, telling)
    telling.result(document_of(folder, code, SCORES))
    return code


def _launch(config: Config, count: int, began: float, telling: Telling) -> tuple[int, Path]:
    """Run it where the configuration says; returns the exit code and the run folder."""
    from server_app.build_proxies import rehearse_proxies
    from server_app.launcher import launch
    from server_app.run_folder import distant_folder, run_folder
    from server_app.unfinished import check_free

    name = f"{config.run.name}-proxies"
    simulated = config.federation.name == "simulation"
    if simulated:
        folder = run_folder(config.run.dir, name).absolute()
    else:
        folder = distant_folder(name) if config.run.dir is None else Path(config.run.dir)
    made = config.run.dir is None
    launcher = os.getpid() if simulated else 0
    config = replace(
        config,
        control=None,
        run=replace(config.run, dir=str(folder), started_at=began, launcher_pid=launcher, resume=False),
    )
    if simulated:
        config = replace(config, dataset=config.dataset.at(Path.cwd()))
    check_free(folder, config)
    run_config = {"config": config.to_json(), "proxies": str(count)}

    def check() -> None:
        rehearse_proxies(config)

    return launch(run_config, config.federation, folder, check, made=made, telling=telling), folder


def _show(folder: Path, top: int, telling: Telling) -> None:
    """Tell what was found, where it can be seen from here."""
    from server_app.reporting.proxies import render
    from server_app.run_folder import SCORES

    if (folder / SCORES).is_file():
        telling.show(render(json.loads((folder / SCORES).read_text(encoding="utf-8")), top))


def _help(overrides: Sequence[str]) -> str:
    from dataclasses import asdict

    from common.config import CONF, compose_proxies
    from common.help import help_text

    config, own = compose_proxies(overrides)
    values = {**asdict(config), **asdict(own)}
    chosen = {group: str(values[group]["name"]) for group in _GROUPS if group != "training"}
    return _HELP + "\n" + help_text(values, chosen, "proxies", [CONF])
