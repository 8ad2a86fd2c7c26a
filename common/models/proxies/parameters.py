"""The number of parameters: the plainest score, which every other one has to beat."""

from __future__ import annotations

from common.architecture.cost import cost_of
from common.architecture.graph import Graph


def score(graph: Graph) -> float:
    """Return the trainable numbers of a network."""
    return float(cost_of(graph).parameters)
