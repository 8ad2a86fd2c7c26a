"""The parts of a graph: nodes that its kind of spec gave names with one beginning, such as those of a layer or cell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from common.architecture.graph import INPUT, Graph, Node
from common.architecture.tensors import Shape
from server_app.show.operations import operation_words

INPUT_NAME = "input"


@dataclass(frozen=True)
class Part:
    """Consecutive nodes whose names have the same beginning, up to the first ``_``.

    Parameters
    ----------
    name : str
        That beginning, such as ``layer0``.
    nodes : range
        Their indices in the graph.
    what : str
        What they do, for people; a node that reads another part than the one before names it in parentheses.
    output_shape : Shape
        Of the last one.
    parameters, macs : int
        As in `common.architecture.cost.Cost`; over all parts they add up to those of the network.
    """

    name: str
    nodes: range
    what: str
    output_shape: Shape
    parameters: int
    macs: int


def parts_of(graph: Graph) -> tuple[Part, ...]:
    """Return the parts in their order.

    No part reads a later one; a name occurs twice where nodes of another part lie between.
    """
    indices = range(len(graph.nodes))
    runs = [list(run) for _, run in groupby(indices, lambda index: _beginning(graph.nodes[index]))]
    part_of = {index: _beginning(graph.nodes[index]) for index in indices} | {INPUT: INPUT_NAME}
    return tuple(_part(graph, range(run[0], run[-1] + 1), part_of) for run in runs)


def parameters_of(graph: Graph, node: Node) -> int:
    """Count the trainable numbers of one node."""
    return sum(tensor.size for tensor in node.operation.tensors(*graph.entering(node)) if tensor.trainable)


def _beginning(node: Node) -> str:
    return node.name.partition("_")[0] or node.name


def _part(graph: Graph, run: range, part_of: dict[int, str]) -> Part:
    nodes = [graph.nodes[index] for index in run]
    return Part(
        name=part_of[run[0]],
        nodes=run,
        what=", ".join(_words(node, run, part_of) for node in nodes),
        output_shape=nodes[-1].output_shape,
        parameters=sum(parameters_of(graph, node) for node in nodes),
        macs=sum(node.operation.macs(*graph.entering(node)) for node in nodes),
    )


def _words(node: Node, run: range, part_of: dict[int, str]) -> str:
    sources = ", ".join(dict.fromkeys(_from_elsewhere(node, run, part_of)))
    return operation_words(node.operation) + (f" ({sources})" if sources else "")


def _from_elsewhere(node: Node, run: range, part_of: dict[int, str]) -> Iterator[str]:
    """Yield the parts that a node reads, but for its own and what stands right before it."""
    yield from (part_of[source] for source in node.inputs if source not in run and source != run[0] - 1)
