"""Which nodes of a graph are drawn side by side, and which of its parts get a frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from common.architecture.graph import INPUT, Graph
from server_app.show.parts import Part


@dataclass(frozen=True)
class Band:
    """Ranks that belong to a framed part, or to parts of one node each that have no frame.

    Parameters
    ----------
    part : Part, optional
        That has the frame.
    nodes : tuple of int
        Indices in the graph; `INPUT` is the input, which is a band of its own.
    """

    part: Part | None
    nodes: tuple[int, ...]


def bands_of(parts: Sequence[Part]) -> tuple[Band, ...]:
    """Return the bands from top to bottom: no frame ever meets another, whatever reads what."""
    bands = [Band(None, (INPUT,))]
    for framed, run in groupby(parts, lambda part: len(part.nodes) > 1):
        members = list(run)
        if framed:
            bands += [Band(part, tuple(part.nodes)) for part in members]
        else:
            bands.append(Band(None, tuple(node for part in members for node in part.nodes)))
    return tuple(bands)


def ranks_of(graph: Graph, bands: Sequence[Band]) -> dict[int, int]:
    """Return the rank of each node, from 0 for the input: below all that it reads, and below all earlier bands.

    Nodes of one band that do not depend on each other share ranks. There is no rank without a node.
    """
    ranks = {INPUT: 0}
    for band in bands[1:]:
        first = max(ranks.values()) + 1
        for index in band.nodes:
            ranks[index] = max(first, *(ranks[source] + 1 for source in graph.nodes[index].inputs))
    return ranks
