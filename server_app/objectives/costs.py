"""What of a trial is known before it trains: the costs of its network, and what this takes on a device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

from common.architecture.cost import Cost
from common.architecture.spec import ArchitectureSpec
from common.settings import TrainingSettings


@dataclass(frozen=True)
class Footprint(Cost):
    """Costs of one network, and what a node needs for it.

    Parameters
    ----------
    memory_mb : float
        Peak of `common.architecture.memory` with the trial's recipe, in MiB.
    latency_ms : float, optional
        Milliseconds of scoring a mini-batch, by a profile of a device; None without one.
    others
        As in `Cost`.
    """

    memory_mb: float
    latency_ms: float | None


Measure = Callable[[Cost, ArchitectureSpec, TrainingSettings], Footprint]
"""From what a network costs, its spec and its recipe."""

COSTS = frozenset(item.name for item in fields(Footprint))
"""Names of what costs."""

ON_DEVICE = COSTS - {item.name for item in fields(Cost)}
"""Those of them that a `Footprint` alone has."""
