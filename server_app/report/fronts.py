"""What is paid for what: trials that no other one is better than, in the first objective and each of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from common.config import Config
from common.errors import FlwrNasError
from common.tasks import Task
from server_app.pareto import nondominated
from server_app.report.history import History
from server_app.wiring import objectives_of

_COSTS = ("macs", "parameters")
"""What a front is drawn against where a search has one objective."""


def fronts_of(history: History, result: Mapping[str, Any], config: Config | None, task: Task | None) -> dict[str, Any]:
    """Return the fronts of a search, on validation.

    Returns
    -------
    dict
        ``several``: whether the search had several objectives, the trials of whose front are ``members`` (the knee
        first), with ``hypervolume`` and ``reference``. ``panels``: for each further objective, or cost, its name ``x``
        and ``direction``, and as ``front`` the trials of the highest rung that no other is better than in these two,
        along it. Who breaks a constraint is on none.
    """
    terms = _terms(config, task)
    several = "front" in result
    others = terms[1:] if several else [(name, "min") for name in _COSTS]
    found: dict[str, Any] = {
        "several": several,
        "panels": [
            {"x": name, "direction": direction, "front": front_of(history, name, direction)}
            for name, direction in others
        ],
    }
    if several:
        found["members"] = [member["trial"] for member in result["front"]]
        found["hypervolume"], found["reference"] = result.get("hypervolume"), result.get("reference")
    return found


def front_of(history: History, name: str, direction: str) -> list[int]:
    """Return the trials of the highest rung that none is better than in the first objective and in `name`."""
    ranked = [
        row
        for row in history.trials.values()
        if row["value"] is not None and row["state"] != "failed" and row["feasible"] is not False
    ]
    top = max((row["rung"] for row in ranked), default=0)
    first = 1 if history.direction == "max" else -1
    second = 1 if direction == "max" else -1
    points: dict[int, tuple[float, float]] = {}
    for row in ranked:
        other = row["values"].get(name, row.get(name))
        if row["rung"] == top and other is not None:
            points[row["number"]] = first * row["value"], second * other
    best = nondominated(points.values())
    return sorted(
        (number for number, point in points.items() if point in best), key=lambda number: (-points[number][1], number)
    )


def _terms(config: Config | None, task: Task | None) -> Sequence[tuple[str, str]]:
    """Return name and direction of each objective that trials are compared in."""
    if config is None or task is None:
        return []
    try:
        return [(term.name, term.direction) for term in objectives_of(config, task).dimensions()]
    except (FlwrNasError, OSError):  # a profile that is gone
        return []
