"""The multiply-accumulates of one example; of FLOPs they are half."""

from __future__ import annotations

from common.architecture.cost import cost_of
from common.architecture.graph import Graph


def score(graph: Graph) -> float:
    """Return the MACs of a network, for one example forward."""
    return float(cost_of(graph).macs)
