"""The ``flwr-nas`` command."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import __version__
from common.errors import FlwrNasError

if TYPE_CHECKING:
    from common.config import Config

_EPILOG = """examples:
  flwr-nas search                                    the default search, on embedded real data
  flwr-nas search controller=random seed=3           other choices, see `flwr-nas search --help`
  flwr-nas search -m seed=1,2,3                      a sweep, one search after the other
  flwr-nas search --cfg job                          print the configuration and do nothing
  flwr-nas search federation=deployment federation.address=127.0.0.1:8000
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; by default those of this process. All that follow ``search`` are Hydra's.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments[:1] == ["search"]:
            return search(arguments[1:])
        chosen = _parser().parse_args(arguments)
        return compare(chosen.folder, chosen.repeats)
    except FlwrNasError as error:
        print(f"flwr-nas: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def search(overrides: Sequence[str]) -> int:
    """Run the search, or the sweep, that Hydra's command line describes; returns the exit code."""
    from common.config import run_hydra

    began = time.time()
    codes: list[int] = []

    def task(config: Config) -> None:
        try:
            codes.append(_launch(config, time.time() if codes else began))
        except FlwrNasError as error:
            print(f"flwr-nas: {error}", file=sys.stderr)
            codes.append(1)
        if codes[-1] == 130:
            raise SystemExit(130)  # and no further search of a sweep

    run_hydra(task, overrides)
    return max(codes, default=0)


def compare(folder: Path, repeats: int) -> int:
    """Train the winner and the baseline of a run again on fresh seeds; returns the exit code."""
    from rich.console import Console

    from common.errors import SearchError
    from server_app import compare as comparison

    def repeat(config: Config) -> dict[str, Any]:
        if _launch(config, time.time()) != 0:
            raise SearchError("A repeat must finish", config.run.dir, fix="See its flower.log")
        result: dict[str, Any] = json.loads((Path(str(config.run.dir)) / "result.json").read_text(encoding="utf-8"))
        return result

    Console().print(comparison.render(comparison.compare(folder.absolute(), repeats, repeat)))
    return 0


def _launch(config: Config, began: float) -> int:
    """Run one search, after what can be known to be wrong with it was said; returns the exit code."""
    from server_app.build import without_foreign_options
    from server_app.journal import check_fresh
    from server_app.launcher import launch

    config, notes = without_foreign_options(config)
    for note in notes:
        print(f"flwr-nas: {note}", file=sys.stderr)

    def check() -> None:
        from server_app.build import rehearse

        rehearse(config)

    folder = _run_folder(config)
    check_fresh(folder / "journal.jsonl")
    run = replace(config.run, dir=str(folder), started_at=began)
    if config.federation.name == "simulation":
        run = replace(run, launcher_pid=os.getpid())
        if config.dataset.path is not None:
            config = replace(config, dataset=replace(config.dataset, path=str(Path(config.dataset.path).absolute())))
    config = replace(config, run=run)
    return launch(config.to_json(), config.federation, folder, check)


def _run_folder(config: Config) -> Path:
    """Return ``run.dir``, or a new folder under runs/, named by time and search.

    A simulation gets a whole path. A deployment's ServerApp may see other folders than this process does:
    what it gets is below its own working directory.
    """
    if config.run.dir is not None:
        folder = Path(config.run.dir)
    else:
        stem = Path("runs") / f"{time.strftime('%Y-%m-%d_%H-%M-%S')}-{config.run.name}"
        folder, number = stem, 1
        while folder.exists():
            number += 1
            folder = stem.with_name(f"{stem.name}-{number}")
    return folder.absolute() if config.federation.name == "simulation" else folder


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="flwr-nas",
        description="Federated neural architecture search on Flower.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"flwr-nas {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    commands.add_parser("search", help="search for an architecture; its arguments are Hydra overrides")
    again = commands.add_parser("compare", help="train a run's winner and baseline again on fresh seeds")
    again.add_argument("folder", type=Path, help="folder of a finished run")
    again.add_argument("--repeats", type=int, default=5, help="number of fresh seeds (default: 5)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
