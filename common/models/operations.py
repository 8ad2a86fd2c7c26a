"""The torch side of each operation: one small function a class of `common.architecture.operations`.

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
from common.architecture.tensors import Shape
from common.errors import SpecError
from common.models.dropout import Dropout
from common.preprocessing.scaling import CLIP, Scaling

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


WINDOW = 10
"""Batches whose statistics count in batch norm: the last one has a tenth, as in torch."""


class BatchNorm(nn.Module):
    """Batch norm (Ioffe & Szegedy, ICML 2015) whose whole state is float32.

    Departs from torch's in its running statistics, which federated averaging makes do with few batches at a time:

    - They are the mean over the batches that this module has seen, up to the last `WINDOW` (then a moving average).
      A node builds the model anew in each round, so what it sends tells of the weights that it trained, whatever the
      server had; with a moving average alone the zeros and ones of the beginning would still be felt after 20 steps.
    - No count of batches is part of the state: an integer cannot be averaged.
    - A training batch with a single value a channel, which has no variance, is normalised by the running statistics
      instead of raising (the last batch of an epoch may hold one example).

    Parameters
    ----------
    channels : int
        Features or channels of its input, shape ``(n, channels, ...)``.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self._batches = 0
        self.weight = nn.Parameter(torch.empty(channels, device=_META))
        self.bias = nn.Parameter(torch.empty(channels, device=_META))
        self.register_buffer("running_mean", torch.empty(channels, device=_META))
        self.register_buffer("running_var", torch.empty(channels, device=_META))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each channel over the batch and space."""
        training = self.training and x.numel() > x.shape[1]
        self._batches += training
        share = 1 / min(max(self._batches, 1), WINDOW)
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, training, share, self.eps)


def _from_first(x: Tensor) -> Tensor:
    """Return how far all lie from the first: constants become 0, not what is left of rounding their mean.

    The gradient of a logarithm near its floor would be large for that rest.
    """
    return x - x[:, :, :1].detach()


class GlobalPool(nn.Module):
    """Mean, maximum or log deviation over all of space: ``(n, channels, ...)`` to ``(n, channels)``."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how

    def forward(self, x: Tensor) -> Tensor:
        """Reduce all axes but the first two."""
        flat = x.flatten(2)
        if self.how == "log_std":
            return (_from_first(flat).var(2, correction=0) + ops.LOG_FLOOR).log() / 2
        return flat.mean(2) if self.how == "avg" else flat.amax(2)


class LogEnergy(nn.Module):
    """Log variances and log powers in bands, ``(n, channels, time)`` to ``(n, features)``; see the operation."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.bands = bands

    def forward(self, x: Tensor) -> Tensor:
        """Return variance, that of differences, and power in each band, channel by channel."""
        x = _from_first(x)
        spectrum = torch.view_as_real(torch.fft.rfft(x - x.mean(2, keepdim=True), norm="ortho"))
        power = spectrum[:, :, 1:].square().sum(3)
        energies = torch.cat(
            [
                x.var(2, correction=0, keepdim=True),
                x.diff().var(2, correction=0, keepdim=True),
                F.adaptive_avg_pool1d(power, self.bands),
            ],
            dim=2,
        )
        return (energies + ops.LOG_FLOOR).log().flatten(1)


class AverageTo(nn.Module):
    """Mean over windows: ``(n, channels, ...)`` to ``(n, channels, *extents)``."""

    def __init__(self, extents: Shape) -> None:
        super().__init__()
        self.extents = extents
        self._average: Callable[..., Tensor] = (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d)[len(extents) - 1]

    def forward(self, x: Tensor) -> Tensor:
        """Average each window."""
        return self._average(x, self.extents)


class Standardise(nn.Module):
    """Each feature or channel less its mean, over its deviation, cut off at `CLIP` deviations.

    Parameters
    ----------
    scaling : Scaling
        Of input of shape ``(features,)`` or ``(channels, ...)``.
    axes : int
        How many axes of space there are.
    """

    mean: Tensor
    factor: Tensor

    def __init__(self, scaling: Scaling, axes: int) -> None:
        super().__init__()
        shape = (len(scaling.mean), *[1] * axes)
        factor = [1 / std if std else 0.0 for std in scaling.std]
        self.register_buffer("mean", torch.tensor(scaling.mean).reshape(shape), persistent=False)
        self.register_buffer("factor", torch.tensor(factor).reshape(shape), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Scale a batch."""
        return (x - self.mean).mul_(self.factor).clamp_(-CLIP, CLIP)


class Bias(nn.Module):
    """One learnt vector for every example: ``(n, ...)`` to ``(n, width)``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.empty(width, device=_META))

    def forward(self, x: Tensor) -> Tensor:
        """Repeat it for each example."""
        return self.bias.repeat(len(x), 1)


class Add(nn.Module):
    """The sum of its inputs."""

    def forward(self, first: Tensor, *others: Tensor) -> Tensor:
        """Add one after the other."""
        for other in others:
            first = first + other
        return first


class Concatenate(nn.Module):
    """Features or channels of its inputs, one after the other."""

    def forward(self, *inputs: Tensor) -> Tensor:
        """Put them side by side."""
        return torch.cat(inputs, dim=1)


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}


def _linear(operation: ops.Linear, shape: Shape) -> nn.Module:
    return Linear(shape[0], operation.width, operation.bias, device=_META)


def _convolution(operation: ops.Convolution, shape: Shape) -> nn.Module:
    cls: Any = (Conv1d, Conv2d)[len(shape) - 2]
    width, kernel, padding = operation.width, operation.kernel, operation.kernel // 2
    module: nn.Module = cls(shape[0], width, kernel, operation.stride, padding, bias=operation.bias, device=_META)
    return module


def _max_pool(operation: ops.MaxPool, shape: Shape) -> nn.Module:
    return (nn.MaxPool1d, nn.MaxPool2d)[len(shape) - 2](operation.kernel, operation.stride)


def _avg_pool(operation: ops.AvgPool, shape: Shape) -> nn.Module:
    return (nn.AvgPool1d, nn.AvgPool2d)[len(shape) - 2](operation.kernel, operation.stride)


def _standardise(operation: ops.Standardise, shape: Shape) -> nn.Module:
    if operation.scaling is None:
        raise SpecError(
            "A network whose nodes scale inputs each by its own examples needs some to fit that to",
            fix="Call task.fitted(examples) first, or load_model(folder, examples)",
        )
    return Standardise(operation.scaling, len(shape) - 1)


OPERATIONS: dict[type[ops.Operation], Callable[..., nn.Module]] = {
    ops.Linear: _linear,
    ops.Bias: lambda operation, _: Bias(operation.width),
    ops.Convolution: _convolution,
    ops.MaxPool: _max_pool,
    ops.AvgPool: _avg_pool,
    ops.AverageTo: lambda operation, _: AverageTo(operation.extents),
    ops.GlobalPool: lambda operation, _: GlobalPool(operation.how),
    ops.Flatten: lambda *_: nn.Flatten(),
    ops.GroupNorm: lambda operation, shape: GroupNorm(operation.groups, shape[0], device=_META),
    ops.BatchNorm: lambda _, shape: BatchNorm(shape[0]),
    ops.Activation: lambda operation, _: ACTIVATIONS[operation.function](),
    ops.Dropout: lambda operation, _: Dropout(operation.p),
    ops.Add: lambda *_: Add(),
    ops.Concatenate: lambda *_: Concatenate(),
    ops.LogEnergy: lambda operation, _: LogEnergy(operation.bands),
    ops.Standardise: _standardise,
}


def module_of(operation: ops.Operation, *inputs: Shape) -> nn.Module:
    """Return the module of an operation on inputs of these shapes; its tensors are on the meta device."""
    return OPERATIONS[type(operation)](operation, *inputs)
