"""``--quiet`` and ``--json``: what a command tells, and to whom. They are not about a run, and not kept with it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from server_app.reporting.telling import Telling

QUIET, JSON = "--quiet", "--json"
_SWEEP = ("-m", "--multirun", "HYDRA.MODE=MULTIRUN")


def telling_of(words: Sequence[str]) -> Telling:
    """Return what tells people or programs what a command does, as its words say; ``--json`` is quiet anyhow."""
    from server_app.reporting.telling import ALOUD, Machine, Quiet

    if JSON in words:
        return Machine(any(word in _SWEEP or word.upper() in _SWEEP for word in words))
    return Quiet() if QUIET in words else ALOUD


def without_flags(words: Sequence[str]) -> list[str]:
    """Return a command line without the two, for commands that hand the rest to Hydra."""
    return [word for word in words if word not in (QUIET, JSON)]


def add_flags(parser: argparse.ArgumentParser, result: str, quiet: str | None = "nothing but errors") -> None:
    """Add the two to a command's help; `telling_of` reads them.

    Parameters
    ----------
    parser : ArgumentParser
        Of the command.
    result : str
        What the JSON document tells.
    quiet : str, optional
        What is printed with ``--quiet``; None of a command that has none.
    """
    if quiet is not None:
        parser.add_argument(QUIET, action="store_true", help=f"print {quiet}")
    parser.add_argument(JSON, action="store_true", help=f"print one JSON document and nothing else: {result}")


def status_of(code: int) -> str:
    """Return ``finished``, ``stopped`` or ``failed``, by an exit code."""
    return {0: "finished", 130: "stopped"}.get(code, "failed")


def document_of(folder: Path, code: int, file: str) -> dict[str, Any]:
    """Return what programs are told of a run: what a JSON file in its folder says, how it ended, and where it is.

    Parameters
    ----------
    folder : Path
        Of the run; it may not be there, or not here.
    code : int
        Exit code.
    file : str
        In the folder; perhaps not there.
    """
    try:
        found = json.loads((folder / file).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = {}
    return {**found, "status": status_of(code), "folder": str(folder) if folder.is_dir() else None}
