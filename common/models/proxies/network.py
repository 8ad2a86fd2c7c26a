"""The scores of a network with weights: each is taken of a model of its own, which it may change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from common.architecture.graph import Graph
from common.data.base import Examples
from common.models.builder import build
from common.models.dropout import Dropout
from common.models.proxies import OF_NETWORK
from common.tasks import Head


@dataclass(frozen=True)
class Batch:
    """A mini-batch, and what it is trained on.

    Parameters
    ----------
    x : Tensor
        float32, shape ``(n, *input_shape)``.
    y : Tensor
        What `loss` takes, shape ``(n, ...)``.
    loss : callable
        From a model's outputs and `y` to a scalar.
    """

    x: Tensor
    y: Tensor
    loss: Callable[[Tensor, Tensor], Tensor]

    @classmethod
    def of(cls, examples: Examples, head: Head, device: torch.device | str = "cpu") -> Batch:
        """Return a mini-batch of all these examples; its loss is the head's, without smoothing."""
        x, y = (torch.from_numpy(array).to(device) for array in (examples.x, head.targets(examples.y)))
        return cls(x, y, head.loss(0.0))


def network_scores(
    graph: Graph, weights: NDArray[np.float32], batch: Batch, device: torch.device | str = "cpu"
) -> dict[str, float]:
    """Return the scores that a network has with these weights, by name; they need not be finite.

    Parameters
    ----------
    graph : Graph
        What to build.
    weights : NDArray
        Its packed state, float32.
    batch : Batch
        On which it is scored, on `device`.
    device : torch.device or str
        Where it is computed.
    """
    return {name: _score(name)(fresh(graph, weights, device), batch) for name in OF_NETWORK}


def fresh(graph: Graph, weights: NDArray[np.float32], device: torch.device | str = "cpu") -> nn.Module:
    """Build a model in training mode but for dropout: batch norm takes the batch's statistics, and nothing is drawn."""
    model = build(graph, weights, device)
    for module in model.modules():
        if isinstance(module, Dropout):
            module.eval()
    return model


def matrices(model: nn.Module) -> list[nn.Parameter]:
    """Return the weights of a model's layers: no biases, and no scales of norms."""
    return [parameter for parameter in model.parameters() if parameter.ndim > 1]


def _score(name: str) -> Callable[[nn.Module, Batch], float]:
    function: Any = import_module(f"common.models.proxies.{name}").score
    return function  # type: ignore[no-any-return]
