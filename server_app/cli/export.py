"""``flwr-nas export``: a finished run for the tools of others."""

from __future__ import annotations

import argparse
from pathlib import Path

_ABOUT = """Writes a finished run in the format of other tools. --optuna: a journal of Optuna with all trials of the
search, which optuna-dashboard FILE shows; it needs pip install "flwr-nas[optuna]"."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this subcommand."""
    parser = commands.add_parser("export", help="write a finished run for the tools of others", description=_ABOUT)
    parser.add_argument("folder", type=Path, metavar="RUN", help="folder of a finished run")
    parser.add_argument(
        "--optuna", type=Path, metavar="FILE", required=True, help="a new file, for Optuna's journal of the trials"
    )
    parser.set_defaults(run=lambda arguments: _export(arguments.folder, arguments.optuna))


def _export(folder: Path, file: Path) -> int:
    import server_app.optuna_study  # noqa: F401 - the first to be imported, as it says what must be installed
    from server_app.optuna_export import export_journal
    from server_app.reporting.words import counted

    count = export_journal(folder, file)
    print(f"{counted(count, 'trial')} written to {file}; see them with: optuna-dashboard {file}")
    return 0
