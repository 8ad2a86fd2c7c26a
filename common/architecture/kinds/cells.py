"""Cells: small directed acyclic graphs of operations, in the one form in which each of them is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from common.architecture.rules import is_whole, one_of
from common.errors import SpecError

Edge: TypeAlias = tuple[int, str]
"""What is read, and the operation that it goes through."""
Node: TypeAlias = tuple[Edge, ...]
"""What is added up."""
Cell: TypeAlias = tuple[Node, ...]
"""Nodes that read inputs or earlier nodes; both are counted from 0 on, inputs first."""

NONE, SKIP = "none", "skip"
OPERATIONS = (
    *(NONE, SKIP, "conv1", "conv3", "sep_conv3", "sep_conv5", "sep_conv7"),
    *("dil_conv3", "dil_conv5", "avg_pool3", "max_pool3"),
)
"""Of an edge; the number is the kernel. `NONE` stands for no edge, and is in no canonical form."""
MAX_NODES = 6
"""Of a cell, inputs aside; of six that are alike there are 720 orders, among which the first is looked for."""


@dataclass(frozen=True)
class Form:
    """What makes a cell one of DARTS or of NAS-Bench-201.

    Parameters
    ----------
    inputs : int
        How many there are; the last one is what the cell before gives.
    edges : int
        How many a node has at most, each from another place.
    joins : bool
        Whether all nodes side by side are the output, or the last node alone.
    reduces : bool
        Whether there is a cell that halves the extents; if not, a fixed block does.
    """

    inputs: int
    edges: int
    joins: bool
    reduces: bool


FORMS = {
    "darts": Form(inputs=2, edges=2, joins=True, reduces=True),
    "nasbench201": Form(inputs=1, edges=MAX_NODES, joins=False, reduces=False),
}


def parse_cell(name: str, values: Any, form: Form) -> Cell:
    """Read a cell from plain JSON values, a list of nodes that are lists of ``[source, operation]``.

    Raises
    ------
    SpecError
        For anything odd.
    """
    if not isinstance(values, Sequence) or isinstance(values, str) or not 1 <= len(values) <= MAX_NODES:
        raise SpecError(f"{name} must be a list of 1 to {MAX_NODES} nodes", _shown(values), fix="Give fewer nodes")
    return tuple(_parse_node(f"{name} node {at}", node, form.inputs + at, form) for at, node in enumerate(values))


def canonical(cell: Cell, form: Form) -> Cell:
    """Return the one form of a cell, whatever the order of its nodes and edges.

    Edges that are none, what no input reaches, and what does not reach the output are left out. Of all orders of the
    rest that is taken whose nodes, written as tuples of edges in order, come first.

    Raises
    ------
    SpecError
        Where the output does not come from the cell before: such a cell, and all before it, would count for nothing.
    """
    return _canonical(cell, form)


@lru_cache(maxsize=4096)
def _canonical(cell: Cell, form: Form) -> Cell:
    return min(_first_orders(_alive(cell, form), form))


def _parse_node(place: str, values: Any, index: int, form: Form) -> Node:
    most = min(form.edges, index)
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) > most:
        raise SpecError(f"{place} must be a list of edges, {most} at most", _shown(values), fix="Write [[0, 'skip']]")
    edges = tuple(_parse_edge(place, edge, index) for edge in values)
    sources = [source for source, _ in edges]
    if len(set(sources)) < len(sources):
        raise SpecError(f"{place} must read each place once", sources, fix="Let its edges begin at different places")
    return edges


def _parse_edge(place: str, values: Any, index: int) -> Edge:
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != 2:
        raise SpecError(f"{place}: an edge must be a source and an operation", _shown(values), fix="Write [0, 'skip']")
    source, operation = values
    if not is_whole(source) or not 0 <= source < index:
        raise SpecError(
            f"{place} must read inputs or earlier nodes, 0 to {index - 1}", source, fix="Count inputs first"
        )
    return int(source), one_of(OPERATIONS)(f"{place}: an operation", operation)


def _shown(values: Any) -> Any:
    """Return what an error can show."""
    return f"{len(values)} of them" if isinstance(values, Sequence) and len(values) > MAX_NODES else values


def _alive(cell: Cell, form: Form) -> dict[int, Node]:
    """Return by number the nodes that lie between inputs and output, and of their edges those that do."""
    reached = set(range(form.inputs))
    nodes: dict[int, Node] = {}
    for index, node in enumerate(cell, form.inputs):
        edges = tuple((source, operation) for source, operation in node if operation != NONE and source in reached)
        if edges:
            nodes[index] = edges
            reached.add(index)
    last = form.inputs + len(cell) - 1
    needed = set(nodes) if form.joins else {last}
    for index in reversed(nodes):
        if index in needed:
            needed.update(source for source, _ in nodes[index])
    if form.inputs - 1 not in needed or needed.isdisjoint(nodes):
        raise SpecError(
            f"A cell must read the cell before it, which is its input {form.inputs - 1}, and lead on to its output",
            cell,
            fix="Add an edge that is not none",
        )
    return {index: node for index, node in nodes.items() if index in needed}


def _first_orders(nodes: dict[int, Node], form: Form) -> Iterator[Cell]:
    """Yield the orders that may come first: each node is the least of those that could stand there."""
    last = None if form.joins else max(nodes)

    def ordered(numbers: dict[int, int]) -> Iterator[Cell]:
        waiting = [index for index in nodes if index not in numbers]
        if not waiting:
            yield ()
            return
        ready = {
            index: tuple(sorted((numbers[source], operation) for source, operation in nodes[index]))
            for index in waiting
            if all(source in numbers for source, _ in nodes[index]) and (index != last or len(waiting) == 1)
        }
        least = min(ready.values())
        for index in [index for index, node in ready.items() if node == least]:
            for rest in ordered({**numbers, index: len(numbers)}):
                yield (least, *rest)

    yield from ordered({source: source for source in range(form.inputs)})
