"""From the weights of a trained network to those that another one starts from.

T. Chen, I. Goodfellow & J. Shlens, "Net2Net: Accelerating Learning via Knowledge Transfer", ICLR 2016: wider layers get
copies of channels, whose outgoing weights are shared out among them (section 2.2), deeper networks get layers that are
the identity (section 2.3), and both compute what the old network did. The networks here are graphs of any operations,
so the transfer follows each value of the new network through the old one, and knows at the end whether the function was
kept. Beyond the paper:

- A greater kernel has the old one in its midst, and zeros around it.
- A new branch that is added to something begins at 0: what ends it, a norm or a map, is 0 (for norms as in P. Goyal et
  al., "Accurate, Large Minibatch SGD", 2017, section 5.1). Not before ReLU, whose derivative at 0 is 0: nothing there
  would ever learn.
- Weights are shared out among copies unequally, instead of adding noise; see `server_app.transfer.channels.shares`.

The paper also begins new layers with a norm that undoes itself, for which the statistics of training examples are
needed; the server has none. Such a layer begins as the identity, and its norm anew. What cannot be kept is copied where
the shapes overlap, and what is left has the fresh weights. That dropout is added or taken away changes nothing, since
functions are compared as they score.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.architecture.graph import INPUT, Graph, Node
from common.architecture.layout import layout, views_of
from common.architecture.operations import (
    Activation,
    Add,
    BatchNorm,
    Convolution,
    Dropout,
    GroupNorm,
    LayerNorm,
    Linear,
)
from server_app.transfer.alignment import aligned
from server_app.transfer.channels import Array, spread
from server_app.transfer.tensors import Twin, write_identity, write_zeros
from server_app.transfer.traces import (
    BY_CHANNEL,
    Branch,
    OldValues,
    Trace,
    Value,
    carried,
    mapped,
    passed,
    read_by,
)

_MAPS = (Convolution, Linear)
_NORMS = (BatchNorm, GroupNorm, LayerNorm)


class Transferred(NamedTuple):
    """What a network starts from.

    Parameters
    ----------
    weights : NDArray
        Its packed state, float32.
    preserved : bool
        Whether it computes what the old network does, when both score, but for rounding.
    """

    weights: NDArray[np.float32]
    preserved: bool


def transfer(
    old: Graph, weights: NDArray[np.float32], new: Graph, fresh: NDArray[np.float32], rng: np.random.Generator
) -> Transferred:
    """Return what `new` starts from, where `old` has been trained.

    Parameters
    ----------
    old, new : Graph
        For one task.
    weights : NDArray
        The packed state of `old`, float32.
    fresh : NDArray
        A packed state for `new`, for what has no counterpart; it is not written.
    rng : Generator
        For what breaks the symmetry of copies.
    """
    writer = _Writer(old, weights, new, fresh.copy(), rng)
    for index in range(len(new.nodes)):
        writer.follow(index)
    return Transferred(writer.weights, writer.preserved)


class _Writer:
    """Follows the values of a new network, and writes its weights on the way."""

    def __init__(
        self,
        old: Graph,
        old_weights: NDArray[np.float32],
        new: Graph,
        weights: NDArray[np.float32],
        rng: np.random.Generator,
    ) -> None:
        self.weights = weights
        self._old, self._new, self._rng = OldValues(old), new, rng
        self._tensors = _by_node(new, views_of(weights, layout(new)))
        self._old_tensors = _by_node(old, views_of(old_weights, layout(old)))
        self._matched = aligned(new, old)
        consumers = defaultdict(list)
        for index, node in enumerate(new.nodes):
            for source in node.inputs:
                consumers[source].append(index)
        self._beside = read_by(consumers, self._matched, new)
        self._values: dict[int, Value] = {INPUT: Trace(INPUT, np.arange(new.input_shape[0]))}

    @property
    def preserved(self) -> bool:
        """Whether the last value is that of the old network."""
        value, last = self._values[len(self._new.nodes) - 1], len(self._old.graph.nodes) - 1
        if not isinstance(value, Trace) or not value.exact or value.old != self._old.value(last):
            return False
        return np.array_equal(value.channels, np.arange(self._old.shape(last)[0]))

    def follow(self, index: int) -> None:
        """Write the weights of a node, and take note of what it gives."""
        node = self._new.nodes[index]
        values = [self._values[source] for source in node.inputs]
        if isinstance(node.operation, Dropout):
            value = values[0]
        elif self._tensors[node.name]:
            other = self._matched[index]
            value = self._begun(index, values[0]) if other is None else self._copied(node, values[0], other)
        elif isinstance(node.operation, Add):
            value = self._summed(values) or self._without_weights(index, values)
        else:
            value = self._without_weights(index, values)
        self._values[index] = value

    # ------------------------------------------------------------ with weights

    def _copied(self, node: Node, value: Value, other: int) -> Value:
        """Write a node from its counterpart."""
        old, twin = self._old, self._old.graph.nodes[other]
        (shape,), (wanted,) = self._new.entering(node), old.inputs(other)
        channels, exact = mapped(value, shape, wanted, old)
        by_channel = isinstance(node.operation, BY_CHANNEL) or node.operation.op == "self_attention"
        depthwise = isinstance(node.operation, Convolution) and node.operation.depthwise
        outputs = channels if by_channel or depthwise else spread(node.output_shape[0], twin.output_shape[0])
        same = Twin(
            node.operation,
            twin.operation,
            self._tensors[node.name],
            self._old_tensors[twin.name],
            channels,
            outputs,
            old.shape(wanted)[0],
            twin.output_shape[0],
        ).write(self._rng)
        return Trace(other, outputs, same and (exact or node.operation.op == "bias"))

    def _begun(self, index: int, value: Value) -> Value:
        """Let a new node be the identity where it can, or leave it for a sum to decide."""
        node = self._new.nodes[index]
        if isinstance(node.operation, _NORMS):
            if index in self._beside:
                return Branch(index)
            return replace(value, exact=False) if isinstance(value, Trace) else None
        if not isinstance(node.operation, _MAPS):
            return None
        passing = None
        if isinstance(value, Trace):
            kept = isinstance(node.operation, Linear) or node.operation.stride == 1
            passing = Trace(value.old, value.channels[self._chosen(node)], value.exact and kept)
        if index in self._beside:
            return Branch(index, passing)
        if passing is not None:
            write_identity(self._tensors[node.name], self._chosen(node))
        return passing

    def _chosen(self, node: Node) -> Array:
        """Return which channel that it reads each output of a new map is."""
        return spread(node.output_shape[0], self._new.entering(node)[0][0])

    # ------------------------------------------------------------ without weights

    def _without_weights(self, index: int, values: Sequence[Value]) -> Value:
        """Find what gave the same in the old network; else what comes closest."""
        node = self._new.nodes[index]
        traces = [value for value in values if isinstance(value, Trace)]
        if len(traces) == len(values):
            found = self._found(node, traces)
            if found is not None:
                return found
        other = self._matched[index]
        if other is not None:
            return self._alike(node, values, other)
        passing = passed(node.operation, values)
        if isinstance(passing, Trace) and node.operation.op == "concatenate":
            beside = node.output_shape[0] - len(passing.channels)
            return replace(passing, channels=np.concatenate([passing.channels, np.full(beside, -1)]))
        return passing

    def _found(self, node: Node, traces: Sequence[Trace]) -> Trace | None:
        """Return the value that the same operation gave of the same, or that one which it leaves as it is."""
        operation, old, first = node.operation, self._old, traces[0]
        inputs = [trace.old for trace in traces]
        exact = all(trace.exact for trace in traces)
        value = old.given(operation, inputs)
        if value is not None:
            shapes = self._new.entering(node), [old.shape(one) for one in inputs]
            channels = carried(operation, [trace.channels for trace in traces], *shapes)
            if channels is not None:
                return Trace(value, channels, exact)
        known = bool((first.channels >= 0).all())
        if isinstance(operation, Activation) and known and old.is_fixed(first.old, operation.function):
            return first
        return None

    def _alike(self, node: Node, values: Sequence[Value], other: int) -> Trace:
        """Return the value that its counterpart gave, of which this one is not more than alike."""
        old = self._old
        shapes, wanted = self._new.entering(node), old.inputs(other)
        maps = [mapped(*pair, old)[0] for pair in zip(values, shapes, wanted, strict=False)]
        given, channels = old.shape(other)[0], None
        if len(values) == len(wanted):
            channels = carried(node.operation, maps, shapes, [old.shape(one) for one in wanted])
        if channels is None or len(channels) != node.output_shape[0]:
            channels = spread(node.output_shape[0], given)
        return Trace(old.value(other), channels, exact=False)

    def _summed(self, values: Sequence[Value]) -> Trace | None:
        """Return the old value that a sum is, if new branches give what they read, or else 0; None where it is none."""
        for passes in (True, False):
            terms = [value.passing if isinstance(value, Branch) and passes else value for value in values]
            terms = [value if term is None else term for value, term in zip(values, terms, strict=True)]
            traces = [term for term in terms if isinstance(term, Trace)]
            zeros = [term.node for term in terms if isinstance(term, Branch)]
            found = self._sum_of(traces) if len(traces) + len(zeros) == len(terms) else None
            if found is not None:
                for index in zeros:
                    write_zeros(self._tensors[self._new.nodes[index].name])
                for value in values:
                    if isinstance(value, Branch) and value.node not in zeros:
                        node = self._new.nodes[value.node]
                        write_identity(self._tensors[node.name], self._chosen(node))
                return found
        return None

    def _sum_of(self, traces: Sequence[Trace]) -> Trace | None:
        """Return the old value that is the sum of others, all of them exact."""
        if not traces or not all(trace.exact for trace in traces):
            return None
        first = traces[0]
        if any(not np.array_equal(first.channels, trace.channels) for trace in traces):
            return None
        value = first.old if len(traces) == 1 else self._old.given(Add(), [trace.old for trace in traces])
        return None if value is None else Trace(value, first.channels)


def _by_node(graph: Graph, views: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
    """Return the tensors of each node by their names in its operation."""
    found: dict[str, dict[str, Array]] = {node.name: {} for node in graph.nodes}
    for name, view in views.items():
        node, _, tensor = name.partition(".")
        found[node][tensor] = view
    return found
