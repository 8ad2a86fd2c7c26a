"""Which trial of a search suits a node best, of those that it can hold and finish in time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server_app.stages.search import Search
    from server_app.trials import Trial


def best_for(search: Search, ranking: Sequence[Trial], node: str) -> Trial | None:
    """Return the first of a ranking that a node can hold and finish in time; None where there is none."""
    pace = search.pace
    able = (t for t in ranking if t.ranks and not search.excess(node, t) and (pace is None or pace.in_time(node, t)))
    return next(able, None)


def best_for_any(search: Search, nodes: Collection[str]) -> set[int]:
    """Return the numbers of the trials that are best for some node, where the placement tells nodes apart."""
    if search.pace is None:
        return set()
    return {best.number for node in nodes if (best := best_for(search, search.ranking, node)) is not None}
