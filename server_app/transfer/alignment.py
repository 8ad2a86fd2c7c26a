"""Which node of an old graph each node of a new one comes from.

Names of nodes tell their places, so all that follow an inserted layer are named anew. What stands before the first
``_`` is the part that a node belongs to: parts are aligned in their order, and then the nodes within.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence

import numpy as np

from common.architecture.graph import INPUT, Graph, Node
from common.architecture.operations import Add, Convolution

_WEIGHTED, _PLAIN = 4.0, 1.0
_SAME = 0.5
"""Worth of nodes that agree, with weights and without, and of each thing more that is the same."""


def aligned(new: Graph, old: Graph) -> list[int | None]:
    """Return, for each node of `new`, the index of that of `old` which it comes from; no two from the same.

    The two do the same kind of thing, perhaps with other widths, kernels or strides. Nodes of one part come from one
    part, and parts keep their order: it is the alignment of the sequences of parts, as of S. Needleman & C. Wunsch,
    1970, in which most is alike.
    """
    found: list[int | None] = [None] * len(new.nodes)
    parts, old_parts = _parts(new), _parts(old)
    sources, old_sources = _sources(new, parts), _sources(old, old_parts)
    for ours, theirs in _pairs(new, parts, old, old_parts):
        known: dict[Hashable, int] = {}
        ways = _signatures(new, ours, sources, known), _signatures(old, theirs, old_sources, known)
        for index, other in _matched(new, ours, old, theirs, *ways):
            found[index] = other
    return found


def kind_of(node: Node) -> Hashable:
    """Return what must agree for the weights of one node to be of use to another."""
    operation = node.operation
    return operation.op, isinstance(operation, Convolution) and operation.depthwise


def _parts(graph: Graph) -> list[list[int]]:
    """Return the nodes of each part, in the order of their last ones: a part may begin with what joins it late."""
    parts: dict[str, list[int]] = defaultdict(list)
    for index, node in enumerate(graph.nodes):
        parts[node.name.partition("_")[0]].append(index)
    return sorted(parts.values(), key=lambda part: part[-1])


def _role(node: Node) -> tuple[str, Hashable]:
    return node.name.partition("_")[2], kind_of(node)


def _pairs(
    new: Graph, parts: Sequence[list[int]], old: Graph, old_parts: Sequence[list[int]]
) -> list[tuple[list[int], list[int]]]:
    """Return the parts that go together, of all ways that keep the order the one that is worth most."""
    worth = np.array([[_worth(new, part, old, other) for other in old_parts] for part in parts])
    best = np.zeros((len(parts) + 1, len(old_parts) + 1))
    for i in reversed(range(len(parts))):
        for j in reversed(range(len(old_parts))):
            best[i, j] = max(best[i + 1, j], best[i, j + 1], worth[i, j] + best[i + 1, j + 1])
    pairs, i, j = [], 0, 0
    while i < len(parts) and j < len(old_parts):
        if worth[i, j] and best[i, j] == worth[i, j] + best[i + 1, j + 1]:
            pairs.append((parts[i], old_parts[j]))
            i, j = i + 1, j + 1
        elif best[i, j] == best[i, j + 1]:
            j += 1
        else:
            i += 1
    return pairs


def _worth(new: Graph, part: Sequence[int], old: Graph, other: Sequence[int]) -> float:
    """Return how much of two parts is alike; 0 where they have weights, but none that agree."""
    theirs = {_role(old.nodes[index]): old.nodes[index] for index in other}
    total, weighted, agreeing = 0.0, False, False
    for index in part:
        node = new.nodes[index]
        has = _is_weighted(new, node)
        weighted |= has
        if (twin := theirs.get(_role(node))) is not None:
            agreeing |= has
            total += (_WEIGHTED if has else _PLAIN) + _SAME * (
                (node.operation == twin.operation) + (node.output_shape == twin.output_shape)
            )
    return total if agreeing or not weighted else 0.0


def _is_weighted(graph: Graph, node: Node) -> bool:
    """Tell whether a node has weights beyond one or two for each channel."""
    return any(len(tensor.shape) > 1 for tensor in node.operation.tensors(*graph.entering(node)))


def _sources(graph: Graph, parts: Sequence[Sequence[int]]) -> dict[int, Hashable]:
    """Return, for each node, by what a node of another part that reads it knows it: the part, and its place there."""
    known: dict[int, Hashable] = {INPUT: "input"}
    for number, part in enumerate(parts):
        known |= {index: (number, graph.nodes[index].name.partition("_")[2]) for index in part}
    return known


def _matched(
    new: Graph,
    part: Sequence[int],
    old: Graph,
    other: Sequence[int],
    signatures: Mapping[int, int],
    old_signatures: Mapping[int, int],
) -> list[tuple[int, int]]:
    """Return the nodes that go together in two parts: those that compute alike first, then those of one name."""

    def keys(graph: Graph, ways: Mapping[int, int]) -> list[Callable[[int], Hashable]]:
        nodes = graph.nodes
        return [
            lambda index: (ways[index], _role(nodes[index]), nodes[index].operation),
            lambda index: (ways[index], nodes[index].operation),
            lambda index: ways[index],
            lambda index: _role(nodes[index]),
        ]

    found: dict[int, int] = {}
    for ours, theirs in zip(keys(new, signatures), keys(old, old_signatures), strict=True):
        left: dict[Hashable, list[int]] = defaultdict(list)
        for index in other:
            if index not in found.values():
                left[theirs(index)].append(index)
        for index in part:
            if index not in found and left[ours(index)]:
                found[index] = left[ours(index)].pop(0)
    return list(found.items())


def _signatures(
    graph: Graph, part: Sequence[int], sources: Mapping[int, Hashable], known: dict[Hashable, int]
) -> dict[int, int]:
    """Return a number for what each node of a part computes of what enters the part, but for widths and kernels.

    What enters is told by how many parts before it comes from. `known` has the numbers that were given.
    """
    found: dict[int, int] = {}
    own = sources[part[0]]
    for index in part:
        node = graph.nodes[index]
        read = [
            found[source] if source in found else known.setdefault(_distance(own, sources[source]), len(known))
            for source in node.inputs
        ]
        way = (kind_of(node), tuple(sorted(read) if isinstance(node.operation, Add) else read))
        found[index] = known.setdefault(way, len(known))
    return found


def _distance(own: Hashable, source: Hashable) -> Hashable:
    if not isinstance(own, tuple) or not isinstance(source, tuple):
        return source
    return own[0] - source[0], source[1]
