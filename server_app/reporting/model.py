"""The model that a run left which ended early, in one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from common.architecture.spec import ArchitectureSpec
from common.errors import FlwrNasError
from common.models.export import SPEC_FILE
from server_app.reporting.best import INFEASIBLE, worth
from server_app.reporting.words import counted
from server_app.run_folder import last_event

STAGES = {"search": "the search", "finalists": "the finalists' training", "final": "the final training"}
"""What trained a model, in words."""


def kept_model(folder: Path) -> str | None:
    """Say which model a run folder keeps, what it was worth, and where it lies; None where there is none.

    So it is where the run was killed: what lies there is then of an earlier end.

    Parameters
    ----------
    folder : Path
        Of a run that was stopped, or failed.
    """
    event = last_event(folder)
    if event is None or event["event"] != "end":  # it was killed, and what lies there is of an earlier end
        return None
    try:
        kept = _read(folder / "best" / SPEC_FILE)
        history = _read(folder / "history.json")
        trial = next(filter(lambda row: row["spec_id"] == kept["id"], history))  # the best such
        architecture = ArchitectureSpec.from_dict(kept["spec"]).describe()
        trained = kept["metadata"]["trained"]
    except (OSError, ValueError, LookupError, TypeError, StopIteration, FlwrNasError):
        return None
    broken = "" if trial["feasible"] else f", but {INFEASIBLE}"
    return (
        f"Best model so far: {architecture} (trial-{trial['number']:04d}), {worth(trial['values'])} "
        f"at rung {trial['rung']}{broken}; with the weights of {counted(trained['rounds'], 'round')} of "
        f"{STAGES[trained['stage']]} in {folder / 'best'}"
    )


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
