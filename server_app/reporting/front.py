"""The front of a search with several objectives: a table of its members, and what it comes to in a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from server_app.reporting.best import figure
from server_app.reporting.words import listed

_SHOWN = 20
"""Members in the table, at most; result.json has them all."""


def front_of_result(result: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield what is said of the front in a result.json; nothing of a search with one objective.

    Parameters
    ----------
    result : mapping
        Content of result.json.
    """
    front: Sequence[Mapping[str, Any]] | None = result.get("front")
    if front is None:
        return
    if not front:
        yield Text("No trial keeps all constraints, so there is no front; what was found breaks them least.", "yellow")
        return
    yield _table(front[:_SHOWN])
    if len(front) > _SHOWN:
        yield Text(f"These are {_SHOWN} of {len(front)}; result.json has all.")
    yield Text(
        f"{_size(front)} Hypervolume {figure(result['hypervolume'])}, measured from {_point(result['reference'])}."
    )


def _size(front: Sequence[Mapping[str, Any]]) -> str:
    others = f"no other trial that reached rung {front[0]['rung']} is"
    if len(front) == 1:
        return f"The front has one member: {others} better in anything."
    equal = len(front) - len({tuple(member["values"].items()) for member in front})
    same = f", {equal} of them equal to another" if equal else ""
    return f"The front has {len(front)} members{same}: {others} better than one of them and nowhere worse."


def _point(reference: Mapping[str, float]) -> str:
    return listed([f"{name} {figure(value)}" for name, value in reference.items()])


def _table(front: Sequence[Mapping[str, Any]]) -> Table:
    """Return a row for each member, by its first objective."""
    names = list(front[0]["values"])
    tested = [metric for metric in front[0]["test"] if metric == names[0]]
    table = Table(title="the front, on validation")
    table.add_column("trial", justify="right")
    for name in (*names, *(f"test {metric}" for metric in tested)):
        table.add_column(name, justify="right")
    table.add_column("architecture")
    for member in sorted(front, key=lambda one: (-one["knee"], one["values"][names[0]])):
        test = [figure(member["test"][metric]) if metric in member["test"] else "-" for metric in tested]
        cells = [str(member["trial"]), *(figure(member["values"][name], name) for name in names), *test]
        table.add_row(*cells, Text(member["architecture"]), style="bold" if member["knee"] else None)
    return table
