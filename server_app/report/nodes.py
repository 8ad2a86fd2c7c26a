"""How evenly a model serves the nodes: what each of them gets, their spread, and the worst tenth of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from common.errors import DataError
from common.metrics import Direction, summarise
from server_app.candidates import ROLES
from server_app.reporting.words import shortened

ByNode = Mapping[str, Sequence[float]]
"""By name of a node, or of a person of the test, a value and the examples behind it."""


def nodes_of(
    events: Iterable[Mapping[str, Any]],
    result: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    metric: str,
    direction: Direction,
) -> dict[str, Any]:
    """Return what each node has, and what it gets of the models of the final training.

    Without a final training that is what the best trial, and the baseline's, scored on validation.

    Parameters
    ----------
    events : iterable of mappings
        Of the journal.
    result, history : mapping, sequence of mappings
        Content of result.json and of history.json; empty where there is none.
    metric, direction : str
        That the nodes are told in.

    Returns
    -------
    dict
        ``metric``, ``direction``, ``source`` (``test``, ``validation`` or None), ``roles``, ``rows`` (one a node),
        ``summary`` by role, and ``groups``: the mean by role over the nodes of a class.
    """
    held = {event["node"]: event for event in events if event["event"] == "node"}
    source, values = _values(result, history, direction)
    classes = _classes(result, held)
    names = list(dict.fromkeys([*sorted(held), *(name for role in values.values() for name in role)]))
    rows = [
        {
            "name": name,
            "class": classes.get(name, "" if name in held else "people of the test"),
            **{key: held[name].get(key) if name in held else None for key in ("examples", "validation", "test")},
            "device": held[name].get("device") if name in held else None,
            "values": {role: own[name][0] for role, own in values.items() if name in own},
        }
        for name in names
    ]
    return {
        "metric": metric,
        "direction": direction,
        "source": source,
        "roles": list(values),
        "rows": rows,
        "summary": {role: _summary(own, direction) for role, own in values.items()},
        "groups": _groups(rows, values),
    }


def _values(
    result: Mapping[str, Any], history: Sequence[Mapping[str, Any]], direction: Direction
) -> tuple[str | None, dict[str, ByNode]]:
    """Return where values come from, and by role those of each node."""
    tested = {role: entry["by_node"] for role in ROLES if (entry := result.get(role)) and entry.get("by_node")}
    if tested:
        return "test", tested
    sign = 1 if direction == "max" else -1
    scored = {row["number"]: row.get("by_node") or {} for row in history}
    trials = {role: (result.get(role) or {}).get("trial") for role in ("winner", "baseline")}
    found: dict[str, ByNode] = {
        role: {name: [sign * value, examples] for name, (value, examples) in scored[number].items()}
        for role, number in trials.items()
        if scored.get(number)
    }
    return ("validation", found) if found else (None, {})


def _summary(values: ByNode, direction: Direction) -> dict[str, float | int] | None:
    numbers, weights = zip(*values.values(), strict=True)
    try:
        found = summarise(numbers, weights, direction)
    except DataError:  # not finite
        return None
    ordered = sorted(numbers, reverse=direction == "min")
    return {**found, "worst": ordered[0], "best": ordered[-1], "nodes": len(numbers)}


def _classes(result: Mapping[str, Any], held: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return of each node which class it belongs to, where there are several.

    That is whom the same trial is best for, where the run told that; else who has the same limits, or runs on the same
    kind of device.
    """
    classes = result.get("classes") or []
    if len(classes) > 1:
        return {name: f"class {number}" for number, one in enumerate(classes, start=1) for name in one["nodes"]}
    for told in (_limits, lambda event: str(event.get("device", ""))):
        found = {name: told(event) for name, event in held.items()}
        if len(set(found.values())) > 1:
            return found
    return {}


def _limits(event: Mapping[str, Any]) -> str:
    limits = event.get("limits") or {}
    return ", ".join(f"{name.replace('_', '-')} {shortened(value).strip()}" for name, value in sorted(limits.items()))


def _groups(rows: Sequence[Mapping[str, Any]], values: Mapping[str, ByNode]) -> list[dict[str, Any]]:
    names = sorted({row["class"] for row in rows if row["values"]})
    if len(names) < 2:
        return []
    members = {name: [row["name"] for row in rows if row["class"] == name] for name in names}
    return [
        {
            "name": name or "no limits",
            "nodes": len(own),
            "values": {role: _mean(by_node, own) for role, by_node in values.items()},
        }
        for name, own in members.items()
    ]


def _mean(by_node: ByNode, names: Sequence[str]) -> float | None:
    """Return the mean weighted by examples over these nodes; None where none of them has a value."""
    pairs = [by_node[name] for name in names if name in by_node]
    total = sum(examples for _, examples in pairs)
    return sum(value * examples for value, examples in pairs) / total if total else None
