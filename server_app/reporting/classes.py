"""The table of what is best for each class of nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from server_app.reporting.best import worth
from server_app.reporting.words import counted, listed

_NAMED = 3
"""Nodes of a class that are named."""


def render_classes(classes: Sequence[Mapping[str, Any]]) -> Table | None:
    """Return the table of ``classes`` of a result.json; None where one architecture is the best for all nodes."""
    if len(classes) < 2:
        return None
    table = Table(title="The best for each class of nodes, by the search's own scores")
    for column in ("", "nodes", "limits", "best that they can hold and finish", "score", "parameters", "MACs"):
        table.add_column(column, justify="right" if column in ("", "parameters", "MACs") else "left")
    for number, one in enumerate(classes, start=1):
        winner = one["winner"]
        best = ("nothing that was scored", "-", "-", "-")
        if winner is not None:
            score = f"{worth(winner['values'])} at rung {winner['rung']}"
            best = (escape(winner["architecture"]), score, f"{winner['parameters']:,}", f"{winner['macs']:,}")
        table.add_row(str(number), escape(_names(one["nodes"])), _limits(one["limits"]), *best)
    return table


def _names(nodes: Sequence[str]) -> str:
    if len(nodes) <= _NAMED:
        return listed(nodes)
    return f"{', '.join(nodes[:_NAMED])} and {counted(len(nodes) - _NAMED, 'other')}"


def _limits(limits: Mapping[str, int]) -> str:
    return ", ".join(f"{name.replace('_', '-')} {limit:,}" for name, limit in limits.items()) or "none"
