"""Initial weights without torch."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from common.architecture.graph import Graph
from common.architecture.layout import layout, state_size, views_of
from common.architecture.tensors import TensorInfo


def initial_weights(graph: Graph, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw the packed state that a model starts from, as torch's layers do by default.

    Weights and biases of linear maps and convolutions come from U(-b, b), b = 1 / sqrt(fan_in): what
    ``kaiming_uniform_(a=sqrt(5))`` amounts to (He et al., ICCV 2015). Norms start as the identity.

    Returns
    -------
    NDArray
        float32, shape ``(state size,)``, in the order of `layout`.
    """
    tensors = layout(graph)
    packed = rng.random(state_size(tensors), dtype=np.float32)
    views = views_of(packed, tensors)
    for tensor in tensors:
        start(views[tensor.name], tensor)
    return packed


def start(values: NDArray[np.float32], tensor: TensorInfo) -> None:
    """Turn numbers that were drawn from U(0, 1) into what a tensor starts as, in place."""
    if tensor.init == "uniform":
        bound = np.float32(1 / math.sqrt(tensor.fan_in))
        values *= 2 * bound
        values -= bound
    else:
        values.fill(1 if tensor.init == "ones" else 0)
