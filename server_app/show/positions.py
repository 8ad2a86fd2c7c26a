"""Where the boxes of a graph and the bends of its edges stand from left to right.

grandalf orders each rank so that few edges cross (Sugiyama et al., IEEE Trans. SMC 1981), and aligns what is connected
(Brandes & Köpf, GD 2001).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from grandalf.graphs import Edge, Vertex, graph_core
from grandalf.layouts import SugiyamaLayout, VertexViewer

from common.architecture.graph import INPUT, Graph

BEND = 8.0
"""Pixels that an edge takes where it passes a rank."""


@dataclass(frozen=True)
class Positions:
    """Horizontal centres, in pixels from the left end of the leftmost box or edge.

    Parameters
    ----------
    nodes : dict of int to float
        By index in the graph, `INPUT` included.
    bends : dict of (int, int) to tuple of float
        By source and target, one for each rank that the edge passes between the two.
    width : float
        Of all.
    """

    nodes: dict[int, float]
    bends: dict[tuple[int, int], tuple[float, ...]]
    width: float


def edges_of(graph: Graph) -> list[tuple[int, int]]:
    """Return who is read by whom, once where a node reads another twice."""
    return list(dict.fromkeys((source, target) for target, node in enumerate(graph.nodes) for source in node.inputs))


def positions_of(graph: Graph, ranks: Mapping[int, int], widths: Mapping[int, float], gap: float) -> Positions:
    """Place boxes and edges so that none stands on another of its rank.

    Each bend is a vertex of its own for the layout, so every edge leads from one rank to the next, and the ranks that
    the layout finds are those that are given.

    Parameters
    ----------
    graph : Graph
        At least one node.
    ranks : mapping of int to int
        Of each node, see `ranks_of`.
    widths : mapping of int to float
        Of each node's box, in pixels.
    gap : float
        Between neighbours, in pixels.
    """
    vertices = {index: _vertex(width) for index, width in widths.items()}
    between = {edge: [_vertex(BEND) for _ in range(ranks[edge[0]] + 1, ranks[edge[1]])] for edge in edges_of(graph)}
    paths = [[vertices[source], *bends, vertices[target]] for (source, target), bends in between.items()]
    links = [Edge(*pair) for path in paths for pair in pairwise(path)]
    bends = [bend for passed in between.values() for bend in passed]
    layout = SugiyamaLayout(graph_core([*vertices.values(), *bends], links))
    layout.xspace = gap
    layout.init_all(roots=[vertices[INPUT]], inverted_edges=[])
    layout.draw()
    centres = {vertex: x for layer in layout.layers for vertex, x in _apart(layer, gap).items()}
    left = min(x - vertex.view.w / 2 for vertex, x in centres.items())
    return Positions(
        {index: centres[vertex] - left for index, vertex in vertices.items()},
        {edge: tuple(centres[bend] - left for bend in passed) for edge, passed in between.items()},
        max(x + vertex.view.w / 2 for vertex, x in centres.items()) - left,
    )


def _vertex(width: float) -> Vertex:
    vertex = Vertex()
    vertex.view = VertexViewer(w=width, h=1)
    return vertex


def _apart(layer: Sequence[Vertex], gap: float) -> dict[Vertex, float]:
    """Return the centres of a rank, moved to the right where two would be closer than `gap`.

    What the layout averages from four alignments may come too close.
    """
    found: dict[Vertex, float] = {}
    end = float("-inf")
    for vertex in sorted(layer, key=lambda vertex: vertex.view.xy[0]):
        centre = max(vertex.view.xy[0], end + gap + vertex.view.w / 2)
        found[vertex], end = centre, centre + vertex.view.w / 2
    return found
