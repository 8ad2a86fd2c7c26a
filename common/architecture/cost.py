"""What a graph costs, computed without torch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from common.architecture.graph import Graph
from common.architecture.layout import layout

_BYTES = 4


@dataclass(frozen=True)
class Cost:
    """Costs of one architecture on one task.

    Parameters
    ----------
    parameters : int
        Trainable numbers.
    buffers : int
        Numbers that travel but are not trained (running statistics of batch norm).
    macs : int
        Multiply-accumulate operations of convolutions and matrix products for one example, forward.
    message_bytes : int
        Bytes of the packed float32 state that one message carries one way.
    """

    parameters: int
    buffers: int
    macs: int
    message_bytes: int


@lru_cache(maxsize=1024)
def cost_of(graph: Graph) -> Cost:
    """Return the cost of a network."""
    tensors = layout(graph)
    parameters = sum(tensor.size for tensor in tensors if tensor.trainable)
    buffers = sum(tensor.size for tensor in tensors if not tensor.trainable)
    macs = sum(node.operation.macs(*graph.entering(node)) for node in graph.nodes)
    return Cost(parameters, buffers, macs, _BYTES * (parameters + buffers))
