"""What the values that flow through a new network are in the old one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from common.architecture.graph import INPUT, Graph
from common.architecture.operations import (
    Activation,
    Add,
    AverageTo,
    AvgPool,
    BatchNorm,
    Concatenate,
    Dropout,
    ExampleNorm,
    Flatten,
    GlobalPool,
    GroupNorm,
    LayerNorm,
    LogEnergy,
    MaxPool,
    Multiply,
    Operation,
    Standardise,
)
from common.architecture.tensors import Shape
from server_app.transfer.channels import Map, spread, unrolled

BY_CHANNEL = (
    Activation,
    AverageTo,
    AvgPool,
    BatchNorm,
    ExampleNorm,
    GlobalPool,
    GroupNorm,
    LayerNorm,
    MaxPool,
    Multiply,
    Standardise,
)
"""Operations of which channel j of the output is one of channel j of the first input."""
KEEPS_ZERO = (AverageTo, AvgPool, Dropout, Multiply)
_SMOOTH = ("gelu", "silu", "tanh", "hard_swish")
"""Activations that are 0 at 0 and whose derivative is not, so what gives 0 there can learn."""
_GATES = ("sigmoid", "hard_sigmoid")


@dataclass(frozen=True)
class Trace:
    """A value of the new network that was in the old one.

    Parameters
    ----------
    old : int
        Which value: the index of the node that gave it, `INPUT` for the network's input.
    channels : Map
        For each channel, that of the old value, or -1.
    exact : bool
        Whether channels have the old values; else they come from what gave them, which something has changed.
    """

    old: int
    channels: Map
    exact: bool = True


@dataclass(frozen=True)
class Branch:
    """A value that is new, and comes from a node that can be made to give 0, or perhaps what it reads.

    Parameters
    ----------
    node : int
        Of the new network.
    passing : Trace, optional
        What the value is if that node gives what it reads.
    """

    node: int
    passing: Trace | None = None


Value: TypeAlias = Trace | Branch | None


class OldValues:
    """The values of the old network: which operation without weights gave which of which.

    Parameters
    ----------
    graph : Graph
        The old network.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._alias = {INPUT: INPUT}
        self._given: dict[tuple[Operation, tuple[int, ...]], int] = {}
        for index, node in enumerate(graph.nodes):
            inputs = self.inputs(index)
            self._alias[index] = inputs[0] if isinstance(node.operation, Dropout) else index
            if not node.operation.tensors(*graph.entering(node)):  # two that give the same count as one
                self._alias[index] = self._given.setdefault(_key(node.operation, inputs), self._alias[index])

    def inputs(self, index: int) -> tuple[int, ...]:
        """Return the values that a node reads; what dropout gives counts as what it reads, as it is in scoring."""
        return tuple(self._alias[source] for source in self.graph.nodes[index].inputs)

    def value(self, index: int) -> int:
        """Return the value that a node gives."""
        return self._alias[index]

    def shape(self, value: int) -> Shape:
        """Return the shape of a value."""
        return self.graph.input_shape if value == INPUT else self.graph.nodes[value].output_shape

    def given(self, operation: Operation, inputs: Sequence[int]) -> int | None:
        """Return the value that an operation without weights gave of these; None where there is none."""
        return self._given.get(_key(operation, tuple(inputs)))

    def is_fixed(self, value: int, function: str) -> bool:
        """Tell whether an activation leaves a value as it is: relu what is never below 0, relu6 what ends at 6."""
        if value == INPUT or function not in ("relu", "relu6"):
            return False
        operation, inputs = self.graph.nodes[value].operation, self.inputs(value)
        if isinstance(operation, Activation):
            return operation.function in (*_GATES, "relu6", *(("relu",) if function == "relu" else ()))
        through = (Concatenate, Flatten, AverageTo, AvgPool, MaxPool, *((Add, Multiply) if function == "relu" else ()))
        pooled = isinstance(operation, GlobalPool) and operation.how in ("avg", "max")
        return (pooled or isinstance(operation, through)) and all(self.is_fixed(one, function) for one in inputs)


def _key(operation: Operation, inputs: tuple[int, ...]) -> tuple[Operation, tuple[int, ...]]:
    return operation, tuple(sorted(inputs)) if isinstance(operation, Add) else inputs


def carried(operation: Operation, inputs: Sequence[Map], shapes: Sequence[Shape], old: Sequence[Shape]) -> Map | None:
    """Return which channels the outputs of an operation without weights stand for; None where that cannot be told.

    Parameters
    ----------
    operation : Operation
        The same, or of the same kind, in both networks.
    inputs : sequence of Map
        Of what it reads.
    shapes, old : sequence of Shape
        Of what it reads in the new network and in the old one.
    """
    first = inputs[0]
    if isinstance(operation, Flatten):
        return unrolled(first, shapes[0][1:], old[0][1:]) if len(shapes[0]) == len(old[0]) else None
    if isinstance(operation, LogEnergy):
        features = operation.output_shape(shapes[0])[0] // shapes[0][0]
        return unrolled(first, (features,), (features,))
    if isinstance(operation, Concatenate):
        starts = np.cumsum([0, *(shape[0] for shape in old)])
        parts = [np.where(part < 0, -1, part + start) for part, start in zip(inputs, starts, strict=False)]
        return np.concatenate(parts)
    if isinstance(operation, Add | Multiply):
        return first if all(np.array_equal(first, other) for other in inputs[1:]) else None
    if isinstance(operation, BY_CHANNEL):
        return first
    return first if np.array_equal(first, np.arange(old[0][0])) else None  # where channels are told apart: positions


def passed(operation: Operation, inputs: Sequence[Value]) -> Value:
    """Return what is left of the values that a new operation without weights reads."""
    first = inputs[0]
    if isinstance(operation, Concatenate):  # what is beside it is new
        return first
    if isinstance(first, Branch):
        keeps = isinstance(operation, KEEPS_ZERO) or (
            isinstance(operation, Activation) and operation.function in _SMOOTH
        )
        return Branch(first.node) if keeps else None
    known = [value for value in inputs if isinstance(value, Trace)]
    if isinstance(operation, Add) and known:
        return replace(known[0], exact=False)
    return replace(first, exact=False) if isinstance(first, Trace) and isinstance(operation, BY_CHANNEL) else None


def mapped(value: Value, shape: Shape, wanted: int, old: OldValues) -> tuple[Map, bool]:
    """Return the map from a new value to the old one that is wanted, and whether it is exactly that.

    Where it is another one, or new, the widths alone say it.
    """
    if isinstance(value, Trace) and value.old == wanted:
        return value.channels, value.exact
    return spread(shape[0], old.shape(wanted)[0]), False


def read_by(consumers: Mapping[int, Sequence[int]], matched: Sequence[int | None], graph: Graph) -> set[int]:
    """Return the new nodes that compute something which is added to something else, and is read by nothing more.

    Parameters
    ----------
    consumers : mapping of int to sequence of int
        The nodes that read each node.
    matched : sequence of int, optional
        For each node, that which it comes from; None where it is new.
    graph : Graph
        The new network.
    """
    found: set[int] = set()
    for index in reversed(range(len(graph.nodes))):
        readers = consumers.get(index, ())
        if matched[index] is None and readers:
            sums = [isinstance(graph.nodes[one].operation, Add) and len(graph.nodes[one].inputs) > 1 for one in readers]
            if all(is_sum or one in found for is_sum, one in zip(sums, readers, strict=True)):
                found.add(index)
    return found
