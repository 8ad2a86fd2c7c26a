"""Writes a trained model in a format, tries it, and says beside it what it is: in model.json and README.md.

``model.json`` has the format, the files, the task (shape of an example, classes, scaling), the spec, and what was
measured; `server_app.predict` reads it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import __version__
from common.errors import StorageError
from common.files import write_aside
from server_app.export.base import Format
from server_app.export.card import card
from server_app.export.examples import Known, score
from server_app.export.found import Told
from server_app.export.measure import Measured, check_close, measure
from server_app.export.trained import Trained

MODEL = "model.json"
CARD = "README.md"
_COMPARED = 256
"""Examples at most on which outputs are compared."""


@dataclass(frozen=True)
class Written:
    """What was written.

    Parameters
    ----------
    folder : Path
        Where.
    measured : Measured
        What it is like.
    before_after : dict
        Of a model of 8 bits, by metric: ``before`` and ``after``; empty without labels, and without 8 bits.
    tried_on : str
        On which examples.
    """

    folder: Path
    measured: Measured
    before_after: dict[str, dict[str, float]]
    tried_on: str


def write(
    form: Format,
    model: Trained,
    told: Told,
    folder: Path,
    known: Known | None,
    license_name: str = "",
    *,
    int8: bool = False,
) -> Written:
    """Write a model.

    Parameters
    ----------
    form : Format
        As what.
    model, told
        What, and what its run says of it.
    folder : Path
        Made where it is missing.
    known : Known, optional
        Examples that are at hand; without them it is tried on noise.
    license_name : str
        For the card; empty where nobody has said so.
    int8 : bool
        Whether with numbers of 8 bits.

    Raises
    ------
    ConfigError
        A package is missing, or the format has no numbers of 8 bits.
    StorageError
        The folder cannot be written, or what was written answers otherwise.
    """
    form.check_installed()
    if int8:
        form.check_int8()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError("A folder for a model must be writable", str(folder), fix=f"{error}; name another") from None
    if int8:
        form.write_int8(model, folder, model.drawn(_COMPARED) if known is None else known.fitted)
    else:
        form.write(model, folder)
    tried_on = "noise like the training data" if known is None else known.name
    measured = measure(form, model, folder, None if known is None else known.scored.x[:_COMPARED])
    before_after = {}
    if not int8:
        check_close(form.name, measured)
    elif known is not None:
        before_after = _before_after(form, model, folder, known)
    content = {
        "format": form.name,
        "int8": int8,
        "files": list(form.files),
        "name": model.name,
        "id": model.spec.id,
        "spec": model.spec.to_dict(),
        "task": model.task.to_record(),
        **({} if (threshold := told.metadata.get("threshold")) is None else {"threshold": threshold}),
        "measured": measured.to_json(),
        "before_after": before_after,
        "tried_on": tried_on,
        "flwr-nas": __version__,
    }
    write_aside(folder / MODEL, json.dumps(content, indent=2) + "\n")
    write_aside(folder / CARD, card(model, told, form, measured, before_after, tried_on, license_name))
    return Written(folder, measured, before_after, tried_on)


def _before_after(form: Format, model: Trained, folder: Path, known: Known) -> dict[str, dict[str, float]]:
    """Score what was trained and what was written, on the same examples: the metrics that a score always has."""
    head = model.task.head
    before = score(model.outputs_of, head, known.scored)
    after = score(form.runner(folder), head, known.scored)
    shown = [name for name in (head.primary[0], *head.ranges) if name in before and name in after]
    return {name: {"before": before[name], "after": after[name]} for name in dict.fromkeys(shown)}


def read_description(folder: Path) -> dict[str, Any]:
    """Return the content of model.json; raises `StorageError` where it is none."""
    try:
        found = json.loads((folder / MODEL).read_text(encoding="utf-8"))
        if not {"format", "task"} <= set(found):
            raise ValueError("format and task are missing")
    except (OSError, ValueError, TypeError) as error:
        raise StorageError(
            f"An exported model has its {MODEL} ({error})",
            str(folder),
            fix="Name best/ of a run, or what flwr-nas export wrote",
        ) from None
    assert isinstance(found, dict)
    return found
