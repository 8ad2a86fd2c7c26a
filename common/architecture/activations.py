"""How much memory activations take, computed without torch: what autograd saves, and what lives while a model scores.

Both are of torch on a CPU, and of activations alone: the input, parameters and buffers are not in them, nor what a
kernel copies for itself (`Operation.copies`).
"""

from __future__ import annotations

import math

from common.architecture.graph import INPUT, Graph

_BYTES = 4


def saved_bytes(graph: Graph, batch: int) -> int:
    """Return the bytes that autograd saves in the forward pass of a training step.

    Parameters
    ----------
    graph : Graph
        The network.
    batch : int
        Examples in a mini-batch.

    Notes
    -----
    Each operation says what it keeps (`Operation.saves`): what it reads, what it gives, or tensors of its own. A tensor
    that several keep counts once, as does one that an operation passes on. What neither has parameters nor reads what
    depends on some is not differentiated, and keeps nothing. The loss keeps one more tensor of the output's size, and a
    sum.
    """
    homes, learns = _homes(graph, training=True), learning(graph)
    kept: set[int] = set()
    own = math.prod(graph.nodes[-1].output_shape)
    fixed = 1
    for index, node in enumerate(graph.nodes):
        if not learns[index]:
            continue
        saved = node.operation.saves(*graph.entering(node))
        if saved.inputs:
            kept.update(homes[source] for source in node.inputs)
        if saved.output:
            kept.add(homes[index])
        own += sum(saved.own)
        fixed += saved.fixed
    example = own + sum(math.prod(graph.nodes[index].output_shape) for index in kept - {INPUT})
    return _BYTES * (batch * example + fixed)


def live_bytes(graph: Graph, batch: int) -> int:
    """Return the most bytes of activations that live at one time while a model scores.

    Parameters
    ----------
    graph : Graph
        The network.
    batch : int
        Examples that are scored at a time.
    """
    return _BYTES * batch * max(live_numbers(graph))


def live_numbers(graph: Graph) -> tuple[int, ...]:
    """Return, for each node, how many numbers of one example live at most while it scores.

    They are what the node reads, what waits for later ones, and what `Operation.working` tells.
    """
    homes = _homes(graph, training=False)
    last = {homes[source]: index for index, node in enumerate(graph.nodes) for source in node.inputs}
    living, found = {INPUT: 0}, []
    for index, node in enumerate(graph.nodes):
        anew = homes[index] == index
        found.append(sum(living.values()) + (node.operation.working(*graph.entering(node)) if anew else 0))
        if anew:
            living[index] = math.prod(node.output_shape)
        living = {home: size for home, size in living.items() if last.get(home, -1) > index}
    return tuple(found)


def learning(graph: Graph) -> dict[int, bool]:
    """Return, by index, whether a node's output depends on parameters, so that it has a backward pass."""
    learns = {INPUT: False}
    for index, node in enumerate(graph.nodes):
        own = any(tensor.trainable for tensor in node.operation.tensors(*graph.entering(node)))
        learns[index] = own or any(learns[source] for source in node.inputs)
    return learns


def _homes(graph: Graph, *, training: bool) -> dict[int, int]:
    """Return whose memory each node's output is: its own, or that of an earlier node or the input."""
    homes, contiguous = {INPUT: INPUT}, {INPUT: True}
    for index, node in enumerate(graph.nodes):
        first, shapes = node.inputs[0], graph.entering(node)
        # Space becomes a vector without a copy only where it lies in the order of its axes.
        a_view = contiguous[first] or len(node.output_shape) == len(shapes[0])
        homes[index] = homes[first] if a_view and node.operation.passes_on(*shapes, training=training) else index
        kept = node.operation.contiguous
        contiguous[index] = contiguous[first] if kept is None else kept
    return homes
