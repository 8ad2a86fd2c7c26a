"""What the journal tells of the trials of a search, as plain rows: a fold over its events.

What a run has spent is known at each event from what its trials have spent by then, those of all stages together: a
stage before the search costs as much as any other. Journals of before `mac_examples` stood in them tell bytes only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from common.architecture.spec import ArchitectureSpec
from common.errors import FlwrNasError
from common.metrics import Direction
from server_app.reporting.words import in_words

SEARCH = "trial"
"""Label of the trials of a search."""
_ENDED = ("finished", "stopped", "failed")


@dataclass
class History:
    """The trials of a search so far.

    Parameters
    ----------
    trials : dict of int to dict
        By number, as `server_app.report.document` describes them.
    specs : dict of int to ArchitectureSpec
        Their architectures, as far as this version knows their kind.
    scores : list of dict
        Each score of the search in the order in which they came, with what the run had spent by then.
    best : list of dict
        Each trial that was the best so far, likewise.
    spent : dict of str to int
        What the run has spent: ``mac_examples`` and ``bytes``.
    ledgers : dict of str to list of int
        By trial, those of other stages included, the same two numbers.
    objective : str, optional
        Name of what ranks; None before the first score.
    direction : {"max", "min"}
        Which way of it is better.
    """

    trials: dict[int, dict[str, Any]] = field(default_factory=dict)
    specs: dict[int, ArchitectureSpec] = field(default_factory=dict)
    scores: list[dict[str, Any]] = field(default_factory=list)
    best: list[dict[str, Any]] = field(default_factory=list)
    spent: dict[str, int] = field(default_factory=lambda: {"mac_examples": 0, "bytes": 0})
    ledgers: dict[str, list[int]] = field(default_factory=dict)
    objective: str | None = None
    direction: Direction = "max"


def history_of(events: Iterable[Mapping[str, Any]]) -> History:
    """Return what events tell of the trials of a search."""
    history = History()
    for event in events:
        _spend(history, event)
        number = number_of(event.get("trial"))
        if number is None:
            continue
        if event["event"] == "proposed":
            history.trials[number] = _row(history, number, event)
        elif number in history.trials:
            _note(history, history.trials[number], event)
    return history


def number_of(name: Any, label: str = SEARCH) -> int | None:
    """Return the number of a trial of the search, or of the stage with another label; None of anything else."""
    stage, _, number = str(name).partition("-")
    number = number.partition(".")[0]  # a member of it
    return int(number) if stage == label and number.isdecimal() else None


def _row(history: History, number: int, event: Mapping[str, Any]) -> dict[str, Any]:
    architecture = str(event["spec"].get("kind", "unknown"))
    with suppress(FlwrNasError):  # of a kind that is not known here
        spec = history.specs[number] = ArchitectureSpec.from_dict(event["spec"])
        architecture = spec.describe()
    return {
        "number": number,
        "id": event["spec_id"],
        "architecture": architecture,
        "recipe": in_words(event.get("recipe", {})),
        "origin": event.get("origin", ""),
        "parent": event.get("parent"),
        "repeats": event.get("repeats"),
        "state": "running",
        "rung": 0,
        "rounds": 0,
        "value": None,
        "values": {},
        "feasible": None,
        "parameters": event["parameters"],
        "macs": event["macs"],
        "mac_examples": 0,
        "bytes": 0,
        "began": event["time"],
        "ended": None,
        "failure": "",
        "place": None,
    }


def _spend(history: History, event: Mapping[str, Any]) -> None:
    """Enter what a trial, or a member of it, has spent by now; both have one ledger."""
    if "bytes_down" not in event or "trial" not in event:
        return
    name = str(event["trial"]).partition(".")[0]
    now = [event.get("mac_examples", 0), event["bytes_down"] + event["bytes_up"]]
    before = history.ledgers.get(name, [0, 0])
    for currency, old, new in zip(history.spent, before, now, strict=True):
        history.spent[currency] += new - old
    history.ledgers[name] = now
    if (number := number_of(name)) is not None and number in history.trials:
        history.trials[number]["mac_examples"], history.trials[number]["bytes"] = now


def _note(history: History, row: dict[str, Any], event: Mapping[str, Any]) -> None:
    """Enter what an event tells of a trial."""
    kind = event["event"]
    if kind == "round":
        row["rounds"] = max(row["rounds"], event["round"])
    elif kind == "scored":
        _note_score(history, row, event)
    elif kind == "best":
        name = next(iter(event["values"]), None)
        at = {"trial": row["number"], "rung": event["rung"], "value": event["values"].get(name)}
        history.best.append({**at, "feasible": event.get("feasible", True), **_now(history, event)})
    elif kind in _ENDED:
        row["state"], row["ended"], row["failure"] = kind, event["time"], event.get("reason", "")


def _note_score(history: History, row: dict[str, Any], event: Mapping[str, Any]) -> None:
    values = event["values"]
    name = next(iter(values), None)
    if history.objective is None and name is not None:
        history.objective = name
        history.direction = "min" if event["score"] == -values[name] and values[name] else "max"
    value = values.get(name)
    row.update(
        state="waiting",
        rung=event["rung"],
        rounds=max(row["rounds"], event["rounds"]),
        value=value,
        values=dict(values),
        feasible=event.get("feasible", True),
    )
    at = {"trial": row["number"], "rung": event["rung"], "rounds": event["rounds"], "value": value}
    history.scores.append({**at, **_now(history, event)})


def _now(history: History, event: Mapping[str, Any]) -> dict[str, Any]:
    return {"time": event["time"], **history.spent}
