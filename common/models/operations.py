"""The torch side of each operation: one small function a layer class of `common.architecture.operations`.

Modules are made without drawing weights: the builder assigns views of one packed buffer, and drawing
first would cost more than building.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from common.architecture import operations as ops
from common.architecture.layout import Skip, Step
from common.models.dropout import Dropout

_META = torch.device("meta")


class _Undrawn:
    """Leaves out torch's own initialisation."""

    def reset_parameters(self) -> None:
        """Draw nothing."""


class Linear(_Undrawn, nn.Linear):
    """``nn.Linear`` without a draw."""


class Conv1d(_Undrawn, nn.Conv1d):
    """``nn.Conv1d`` without a draw."""


class Conv2d(_Undrawn, nn.Conv2d):
    """``nn.Conv2d`` without a draw."""


class GroupNorm(_Undrawn, nn.GroupNorm):
    """``nn.GroupNorm`` without a draw."""


class BatchNorm(nn.Module):
    """Batch norm (Ioffe & Szegedy, ICML 2015) whose whole state is float32.

    Departs from torch's: it counts no batches (an integer cannot be averaged), and a training batch with a
    single value a channel, which has no variance, is normalised by the running statistics instead of
    raising (the last batch of an epoch may hold one example).

    Parameters
    ----------
    channels : int
        Features or channels of its input, shape ``(n, channels, ...)``.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__()
        self.momentum = momentum
        self.eps = eps
        self.weight = nn.Parameter(torch.empty(channels, device=_META))
        self.bias = nn.Parameter(torch.empty(channels, device=_META))
        self.register_buffer("running_mean", torch.empty(channels, device=_META))
        self.register_buffer("running_var", torch.empty(channels, device=_META))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each channel over the batch and space."""
        training = self.training and x.numel() > x.shape[1]
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, training, self.momentum, self.eps
        )


class GlobalPool(nn.Module):
    """Mean or maximum over all of space: ``(n, channels, ...)`` to ``(n, channels)``."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how

    def forward(self, x: Tensor) -> Tensor:
        """Reduce all axes but the first two."""
        flat = x.flatten(2)
        return flat.mean(2) if self.how == "avg" else flat.amax(2)


class Shortcut(nn.Module):
    """A skip connection: averages down to the target's extents, then projects onto its channels."""

    def __init__(self, skip: Skip) -> None:
        super().__init__()
        self.extents = skip.target_shape[1:]
        self.pools = skip.pools
        shapes = [tensor.shape for tensor in skip.tensors()]
        self.weight = nn.Parameter(torch.empty(shapes[0], device=_META)) if shapes else None

    def forward(self, x: Tensor) -> Tensor:
        """Return what is added to the target layer's output."""
        if self.pools:
            x = _average_to(x, self.extents)
        if self.weight is None:
            return x
        project: Callable[[Tensor, Tensor], Tensor] = (F.linear, F.conv1d, F.conv2d)[len(self.extents)]
        return project(x, self.weight)


def _average_to(x: Tensor, extents: tuple[int, ...]) -> Tensor:
    if not extents:
        return x.flatten(2).mean(2)
    return (
        F.adaptive_avg_pool1d(x, extents[0])
        if len(extents) == 1
        else F.adaptive_avg_pool2d(x, (extents[0], extents[1]))
    )


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}


def _linear(layer: ops.Linear, step: Step) -> nn.Module:
    return Linear(step.input_shape[0], layer.width, device=_META)


def _convolution(layer: ops.Convolution, step: Step) -> nn.Module:
    cls: Any = Conv1d if len(step.input_shape) == 2 else Conv2d
    return cls(  # type: ignore[no-any-return]
        step.input_shape[0], layer.width, layer.kernel, layer.stride, layer.kernel // 2, device=_META
    )


def _pool(layer: ops.Pool, step: Step) -> nn.Module:
    one, two = {"max_pool": (nn.MaxPool1d, nn.MaxPool2d), "avg_pool": (nn.AvgPool1d, nn.AvgPool2d)}[layer.op]
    cls: Any = one if len(step.input_shape) == 2 else two
    return cls(layer.kernel, layer.stride)  # type: ignore[no-any-return]


OPERATIONS: dict[str, Callable[[Any, Step], nn.Module]] = {
    "linear": _linear,
    "conv1d": _convolution,
    "conv2d": _convolution,
    "max_pool": _pool,
    "avg_pool": _pool,
}


def modules_of(step: Step) -> dict[str, nn.Module]:
    """Return the modules that `step` passes through in turn, by name; its skip connection is not among them.

    Parameters
    ----------
    step : Step
        From `common.architecture.layout.steps`. The modules' tensors are on the meta device.
    """
    found: dict[str, nn.Module] = {}
    if step.reduce is not None:
        found["reduce"] = nn.Flatten() if step.reduce == "flatten" else GlobalPool(step.reduce)
    found[""] = OPERATIONS[step.layer.op](step.layer, step)
    if isinstance(step.layer, ops.Weighted):
        found |= _around(step.layer, step)
    return {f"{step.name}_{name}" if name else step.name: module for name, module in found.items()}


def _around(layer: ops.Weighted, step: Step) -> dict[str, nn.Module]:
    """Return norm, activation and dropout; what does nothing is left out."""
    found: dict[str, nn.Module] = {}
    if layer.norm == "group":
        found["norm"] = GroupNorm(ops.num_groups(step.output_shape), layer.width, device=_META)
    elif layer.norm == "batch":
        found["norm"] = BatchNorm(layer.width)
    if layer.activation != "none":
        found["activation"] = ACTIVATIONS[layer.activation]()
    if layer.dropout > 0:
        found["dropout"] = Dropout(layer.dropout)
    return found
