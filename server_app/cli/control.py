"""What follows a search with ``control=random``: a random one at the same cost, and the gain over it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import StorageError
from server_app.cli.flags import document_of
from server_app.reporting.telling import ALOUD, Telling

if TYPE_CHECKING:
    from common.config import Config


def go_on_after(config: Config, folder: Path, telling: Telling = ALOUD) -> int:
    """Run the control of a run that has finished, or where that was one, tell the gain over it; returns the exit code.

    So a control that was interrupted is gone on with as any run is, by ``--resume RUN/control``, and the gain is told
    at its end.

    Parameters
    ----------
    config : Config
        Of the run that has finished.
    folder : Path
        Its run folder.
    telling : Telling
        Hears of it.
    """
    from server_app.control import FOLDER, control_config
    from server_app.run_folder import CONFIG, RESULT
    from server_app.state import config_of

    if config.control is not None:
        from server_app.cli.search import launch_search

        telling.say("The same cost of random search:")
        control, inner = control_config(config, _result(folder), folder / FOLDER), folder / FOLDER
        code, _ = launch_search(control, time.time(), telling=telling)
        return code or _tell(folder, inner, telling)
    is_control = folder.name == FOLDER and (folder.parent / RESULT).is_file()
    if is_control and (folder.parent / CONFIG).is_file() and config_of(folder.parent).control is not None:
        return _tell(folder.parent, folder, telling)
    return 0


def run_document(folder: Path, code: int) -> dict[str, Any]:
    """Return what programs are told of a run: its result.json, and with ``control=random`` its control.json."""
    from server_app.control import SUMMARY
    from server_app.run_folder import RESULT

    document = document_of(folder, code, RESULT)
    try:
        return {**document, "control": json.loads((folder / SUMMARY).read_text(encoding="utf-8"))}
    except (OSError, ValueError):
        return document


def _tell(folder: Path, control: Path, telling: Telling) -> int:
    """Tell the gain of a run over its control, and write control.json."""
    from server_app.control import SUMMARY, render, summary
    from server_app.journal import write_json

    found = summary(_result(folder), _result(control))
    write_json(folder / SUMMARY, found)
    telling.show(render(found))
    return 0


def _result(folder: Path) -> dict[str, Any]:
    from server_app.run_folder import RESULT

    try:
        result: dict[str, Any] = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StorageError("A control needs the result.json of its run", str(folder), fix=str(error)) from None
    return result
