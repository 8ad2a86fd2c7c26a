"""``flwr-nas compare RUN``: train a run's winner and what it is compared with again on fresh seeds."""

from __future__ import annotations

import argparse
import json
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import SearchError
from server_app.cli.flags import add_flags, status_of
from server_app.cli.resume import resume
from server_app.cli.search import launch_search
from server_app.reporting.telling import ALOUD, Telling

if TYPE_CHECKING:
    from common.config import Config


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this subcommand."""
    parser = commands.add_parser(
        "compare",
        help="train a run's winner, baseline and others again on fresh seeds",
        epilog="example: flwr-nas compare runs/NAME --repeats 10",
    )
    parser.add_argument("folder", type=Path, help="folder of a finished run")
    parser.add_argument("--repeats", type=int, default=5, help="number of fresh seeds (default: 5)")
    add_flags(parser, "what compare.json in the run folder holds", "the run folder alone")
    parser.set_defaults(run=lambda arguments: compare(arguments.folder, arguments.repeats, arguments.telling))


def compare(folder: Path, repeats: int, telling: Telling = ALOUD) -> int:
    """Train the winner of a run and what it is compared with again on fresh seeds; returns the exit code."""
    with telling.waiting(f"Reading {folder}"):
        from server_app import compare as comparison
        from server_app.launcher import INTERRUPTED

    again = shlex.join(["flwr-nas", "compare", str(folder), "--repeats", str(repeats)])

    def launch(config: Config, resumed: bool) -> dict[str, Any]:
        began, place = time.time(), Path(str(config.run.dir))
        code = resume(str(place), [], began, telling) if resumed else launch_search(config, began, again, telling)[0]
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        if code != 0:
            raise SearchError("The comparison must finish", str(place), fix="See its flower.log")
        result: dict[str, Any] = json.loads((place / "result.json").read_text(encoding="utf-8"))
        return result

    found = comparison.compare(folder.absolute(), repeats, launch)
    telling.show(comparison.render(found))
    telling.result({**found, "status": status_of(0), "folder": str(folder.absolute())})
    return 0
