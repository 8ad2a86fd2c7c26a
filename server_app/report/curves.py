"""How far the finalists and the models of the final training had come, checkpoint by checkpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from server_app.report.history import History

STAGES = {"finalist": "finalists", "final": "final"}
"""Stages whose runs have curves, by label."""


def curves_of(events: Iterable[Mapping[str, Any]], history: History) -> list[dict[str, Any]]:
    """Return the runs of the stages after a search, each with what it scored on validation.

    Parameters
    ----------
    events : iterable of mappings
        Of the journal.
    history : History
        Of its search.

    Returns
    -------
    list of dict
        ``stage``, ``run`` (its name), ``of`` (a role of the final training, or a trial of the search) and ``points``:
        rounds and value. A run that was taken over, or was not scored, has no points and is left out.
    """
    roles: dict[str, str] = {}
    runs: dict[str, dict[str, Any]] = {}
    for event in events:
        kind, name = event["event"], str(event.get("trial", ""))
        label = name.partition("-")[0]
        if kind == "final":
            roles = {spec: role for role, spec in reversed(event["roles"].items())}
        elif label in STAGES and kind == "proposed":
            of = _trial(history, event["spec_id"]) if label == "finalist" else roles.get(event["spec_id"], "")
            runs[name] = {"stage": STAGES[label], "run": name, "of": of, "points": []}
        elif name in runs and kind == "scored" and event.get("split") != "test":
            value = next(iter(event["values"].values()), None)
            runs[name]["points"].append([event["rounds"], value])
    return [run for run in runs.values() if run["points"]]


def _trial(history: History, spec: str) -> str:
    """Return what the first trial of an architecture is called."""
    found = next((row["number"] for row in history.trials.values() if row["id"] == spec), None)
    return "" if found is None else f"trial {found}"
