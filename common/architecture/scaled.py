"""A graph whose input is scaled first."""

from __future__ import annotations

from common.architecture.graph import INPUT, Graph, Node
from common.architecture.operations.elementwise import Standardise
from common.preprocessing.scaling import Scaling

SCALING = "scaling"
"""Name of that first node."""


def scaled(graph: Graph, scaling: Scaling | None, *, gaps: bool = False) -> Graph:
    """Return the graph with a fixed first node; all that read the input read that.

    Parameters
    ----------
    graph : Graph
        Of any kind of spec.
    scaling : Scaling, optional
        None where each node of the federation fits its own, and this is none of them: such a graph has a cost and a
        layout, and cannot be built.
    gaps : bool
        Whether the input may have gaps (NaN), which become 0.
    """
    first = Node(SCALING, Standardise(scaling, gaps), (INPUT,), graph.input_shape)
    others = [Node(n.name, n.operation, tuple(source + 1 for source in n.inputs), n.output_shape) for n in graph.nodes]
    return Graph(graph.input_shape, (first, *others))
