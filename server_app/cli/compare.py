"""``flwr-nas compare RUN``: train a run's winner and what it is compared with again on fresh seeds."""

from __future__ import annotations

import argparse
import json
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import SearchError
from server_app.cli.resume import resume
from server_app.cli.search import launch_search

if TYPE_CHECKING:
    from common.config import Config


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this subcommand."""
    parser = commands.add_parser("compare", help="train a run's winner, baseline and others again on fresh seeds")
    parser.add_argument("folder", type=Path, help="folder of a finished run")
    parser.add_argument("--repeats", type=int, default=5, help="number of fresh seeds (default: 5)")
    parser.set_defaults(run=lambda arguments: compare(arguments.folder, arguments.repeats))


def compare(folder: Path, repeats: int) -> int:
    """Train the winner of a run and what it is compared with again on fresh seeds; returns the exit code."""
    from rich.console import Console

    from server_app import compare as comparison
    from server_app.launcher import INTERRUPTED

    again = shlex.join(["flwr-nas", "compare", str(folder), "--repeats", str(repeats)])

    def launch(config: Config, resumed: bool) -> dict[str, Any]:
        began, place = time.time(), Path(str(config.run.dir))
        code = resume(str(place), [], began) if resumed else launch_search(config, began, again)[0]
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        if code != 0:
            raise SearchError("The comparison must finish", str(place), fix="See its flower.log")
        result: dict[str, Any] = json.loads((place / "result.json").read_text(encoding="utf-8"))
        return result

    Console().print(comparison.render(comparison.compare(folder.absolute(), repeats, launch)))
    return 0
