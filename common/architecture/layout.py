"""The packed state of a graph: every tensor of its model, in the order in which they travel.

The packed state is one float32 array: all trainable tensors in the order of torch's ``named_parameters``, then
all buffers in the order of ``named_buffers``. So the trainable numbers are one contiguous range, and without
batch norm the order is that of ``state_dict``.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from common.architecture.graph import Graph
from common.architecture.tensors import MAX_NUMBERS, TensorInfo
from common.errors import SpecError


@lru_cache(maxsize=1024)
def layout(graph: Graph) -> tuple[TensorInfo, ...]:
    """Return every tensor of the model's state, in packed order: trainable ones, then buffers.

    Raises
    ------
    SpecError
        The state has more than `MAX_NUMBERS`: nobody counts, sends or allocates one of that size.
    """
    tensors = [
        TensorInfo(f"{node.name}.{tensor.name}", tensor.shape, tensor.init, tensor.fan_in, tensor.trainable)
        for node in graph.nodes
        for tensor in node.operation.tensors(*graph.entering(node))
    ]
    if (size := sum(tensor.size for tensor in tensors)) > MAX_NUMBERS:
        raise SpecError(f"The state of a network has {MAX_NUMBERS:,} numbers at most", size, fix="Use smaller widths")
    return (*(t for t in tensors if t.trainable), *(t for t in tensors if not t.trainable))


def state_size(tensors: tuple[TensorInfo, ...]) -> int:
    """Count the numbers of a packed state."""
    return sum(tensor.size for tensor in tensors)


def views_of(packed: NDArray[np.float32], tensors: tuple[TensorInfo, ...]) -> dict[str, NDArray[np.float32]]:
    """Return views of a packed state, by name.

    Parameters
    ----------
    packed : NDArray
        float32, shape ``(state_size(tensors),)``.
    tensors : tuple of TensorInfo
        From `layout`.

    Raises
    ------
    SpecError
        Where the sizes differ.
    """
    check_size(packed.shape, tensors)
    views, start = {}, 0
    for tensor in tensors:
        views[tensor.name] = packed[start : start + tensor.size].reshape(tensor.shape)
        start += tensor.size
    return views


def check_size(shape: tuple[int, ...], tensors: tuple[TensorInfo, ...]) -> None:
    """Raise `SpecError` unless `shape` is that of the packed state of `tensors`."""
    size = state_size(tensors)
    if tuple(shape) != (size,):
        raise SpecError(
            f"The packed weights of this spec must be one array of {size} numbers",
            tuple(shape),
            fix="Pack them for the same spec and task",
        )
