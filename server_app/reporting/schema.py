"""What is said about a proposed schema, for the people who are to confirm it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from common.data.tools.proposal import Proposal
    from common.preprocessing.schema import Declared

_MOST_VALUES = 6


def proposed(proposal: Proposal, written: str) -> Iterator[RenderableType]:
    """Lay out a proposal, and say where it was written; empty where it was not."""
    yield "A schema that may suit:"
    yield ""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("column", "role", "says", "to confirm"):
        table.add_column(title)
    for column, remark in zip(proposal.columns, proposal.remarks, strict=True):
        table.add_row(Text(column.name), column.role, Text(_said(column)), Text(remark, "dim"))
    yield Padding(table, (0, 0, 0, 2), expand=False)
    yield ""
    if not written:
        yield "Write it with --write-schema schema.yaml, confirm each line, and check again with --schema."
        return
    yield Text(f"Written to {written}. Confirm each line before others get it.", "bold")
    if proposal.naming:
        yield Text(
            f"It names values that occur in {', '.join(proposal.naming)}: take out what may not be told.", "yellow"
        )


def _said(column: Declared) -> str:
    named = [*column.values, *column.classes]
    some = ", ".join(named[:_MOST_VALUES]) + (f" and {len(named) - _MOST_VALUES} more" * (len(named) > _MOST_VALUES))
    parts = [some, "and others" if column.other else "", "may be missing" if column.missing else ""]
    return "; ".join(part for part in parts if part)
