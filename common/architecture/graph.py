"""The graph: one network for one task, as primitive operations and what they read.

Every kind of spec lowers to it, and cost, memory, layout, initial weights and the torch module are functions of it
alone. It never travels: a node receives specs, and lowers them with its own code.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from common.architecture.operations.base import Operation
from common.architecture.tensors import MAX_NUMBERS, Shape
from common.errors import SpecError

INPUT = -1
"""What a node reads where it reads the network's input."""
HEAD = "classifier"
"""Name of the last node of every network: the head's linear map, or its bias alone. Models of old have it."""
MAX_OPERATIONS = 4096
"""Nodes of a graph; 32 cells of six nodes, each of which reads all places before it, come to 2,265."""


@dataclass(frozen=True)
class Node:
    """One operation in its place.

    Parameters
    ----------
    name : str
        Name of its torch module; those of its tensors begin with it.
    operation : Operation
        What is done.
    inputs : tuple of int
        Which earlier nodes it reads, in the order that the operation wants; `INPUT` is the network's input.
    output_shape : Shape
        What leaves it, without the batch axis.
    """

    name: str
    operation: Operation
    inputs: tuple[int, ...]
    output_shape: Shape


@dataclass(frozen=True)
class Graph:
    """Nodes in an order in which they can be computed; the last one gives the output.

    Any node may be read by any number of later ones. A graph that exists is sound: shapes agree, names differ and are
    such that torch takes them, there is nothing that nobody reads, and the last node is the head's and gives a vector.
    It is bounded, whatever kind of spec it comes from: `MAX_OPERATIONS` nodes, and `MAX_NUMBERS` in what enters and
    leaves each of them. How many numbers its state has is for `common.architecture.layout` to bound.

    Parameters
    ----------
    input_shape : Shape
        What enters, without the batch axis.
    nodes : tuple of Node
        At least one.
    """

    input_shape: Shape
    nodes: tuple[Node, ...]

    def __post_init__(self) -> None:
        _check_count(len(self.nodes))
        _check_numbers("What enters a graph", self.input_shape)
        names = [node.name for node in self.nodes]
        if len(set(names)) < len(names):
            raise SpecError("The nodes of a graph must differ in their names", names)
        if bad := [name for name in names if not name or "." in name]:
            raise SpecError("The names of nodes must not be empty, nor have a dot", bad, fix="Write a_b for a.b")
        for index, node in enumerate(self.nodes):
            if not all(INPUT <= source < index for source in node.inputs):
                raise SpecError(f"Node {node.name} must read the input or earlier nodes", node.inputs)
            if node.output_shape != (shape := _output_shape(node.operation, self.entering(node))):
                raise SpecError(f"Node {node.name} gives {shape}", node.output_shape)
            _check_numbers(f"What {node.name} gives", shape)
        read = {source for node in self.nodes for source in node.inputs}
        unread = [index for index in range(INPUT, len(self.nodes) - 1) if index not in read]
        if unread or not self.nodes:
            raise SpecError("All that a graph computes must be read, and its last node is the output", unread)
        last = self.nodes[-1]
        if last.name != HEAD or len(last.output_shape) != 1:
            raise SpecError(
                f"The last node of a graph must be named {HEAD} and give a vector",
                (last.name, last.output_shape),
                fix="End with the head's linear map or bias",
            )

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        """What layout and cost are remembered by, a hundred times for each graph."""
        return hash((self.input_shape, self.nodes))

    def entering(self, node: Node) -> tuple[Shape, ...]:
        """Return the shapes that enter a node."""
        nodes = self.nodes
        return tuple([self.input_shape if source < 0 else nodes[source].output_shape for source in node.inputs])

    @property
    def is_chain(self) -> bool:
        """Whether each node reads the one before it and nothing else."""
        return all(node.inputs == (index - 1,) for index, node in enumerate(self.nodes))

    def released(self) -> tuple[tuple[int, ...], ...]:
        """Return, for each node, what no later one reads of what it reads itself: once it is computed, that may go."""
        last = {source: index for index, node in enumerate(self.nodes) for source in node.inputs}
        found: list[list[int]] = [[] for _ in self.nodes]
        for source, index in last.items():
            found[index].append(source)
        return tuple(map(tuple, found))


class GraphBuilder:
    """Writes a graph node by node.

    Parameters
    ----------
    input_shape : Shape
        What enters the network, without the batch axis.
    """

    def __init__(self, input_shape: Shape) -> None:
        self._input_shape = input_shape
        self._nodes: list[Node] = []

    def shape(self, index: int) -> Shape:
        """Return what leaves a node, or enters the network where `index` is `INPUT`."""
        return self._input_shape if index == INPUT else self._nodes[index].output_shape

    def add(self, name: str, operation: Operation, *inputs: int) -> int:
        """Add a node that reads `inputs`, and return its index.

        Raises
        ------
        SpecError
            Where the operation does not fit what enters it.
        """
        _check_count(len(self._nodes) + 1)
        shape = _output_shape(operation, [self.shape(index) for index in inputs])
        _check_numbers(f"What {name} gives", shape)
        self._nodes.append(Node(name, operation, inputs, shape))
        return len(self._nodes) - 1

    def graph(self) -> Graph:
        """Return what was written; raises `SpecError` where it makes no sound graph."""
        return Graph(self._input_shape, tuple(self._nodes))


def _check_count(operations: int) -> None:
    if operations > MAX_OPERATIONS:
        raise SpecError(f"A graph has {MAX_OPERATIONS:,} operations at most", operations, fix="Use fewer layers")


def _check_numbers(what: str, shape: Shape) -> None:
    if math.prod(shape) > MAX_NUMBERS:
        raise SpecError(
            f"{what} has {MAX_NUMBERS:,} numbers at most for an example", shape, fix="Use smaller widths, or strides"
        )


def _output_shape(operation: Operation, inputs: Collection[Shape]) -> Shape:
    if not inputs or operation.arity not in (None, len(inputs)):
        wanted = "one input or more" if operation.arity is None else f"{operation.arity} inputs"
        raise SpecError(f"{operation.op} takes {wanted}", len(inputs))
    return operation.output_shape(*inputs)
