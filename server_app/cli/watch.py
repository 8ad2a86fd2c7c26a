"""``flwr-nas watch RUN``: the page of a run, while it is under way."""

from __future__ import annotations

import argparse
from pathlib import Path

_ABOUT = """Serves the page of flwr-nas report while the search runs, and keeps it up to date: open the address that it
prints. RUN is the folder of a run, which may be about to begin, or lie in the volume of a container. It reads that
folder and nothing else, and only this machine can reach it, unless --host says otherwise. Ctrl-C ends it; the search
does not notice."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this subcommand."""
    parser = commands.add_parser(
        "watch",
        help="see a run in a browser while it is under way",
        description=_ABOUT,
        epilog="example: flwr-nas watch runs/NAME --port 8080",
    )
    parser.add_argument("folder", type=Path, metavar="RUN", help="folder of a run")
    parser.add_argument("--port", type=int, default=0, help="where it listens (default: one that is free)")
    parser.add_argument("--host", default="127.0.0.1", help="at which address (default: 127.0.0.1, this machine alone)")
    parser.set_defaults(run=lambda arguments: _watch(arguments.folder, arguments.host, arguments.port))


def _watch(folder: Path, host: str, port: int) -> int:
    from common.errors import StorageError
    from server_app.report.serve import Watcher
    from server_app.reporting.waiting import waiting

    if folder.exists() and not folder.is_dir():
        raise StorageError("A run is a folder", str(folder), fix="Name the folder of a run")
    with Watcher(folder, host, port) as watcher:
        with waiting(f"Reading {folder}"):
            watcher.served.page()
        print(f"Watching {folder} at {watcher.address} (Ctrl-C ends it)", flush=True)
        try:
            watcher.serve_forever()
        except KeyboardInterrupt:
            print()
    return 0
