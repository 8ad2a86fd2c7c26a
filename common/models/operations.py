"""The torch side of each operation: one small function a class of `common.architecture.operations`.

Modules that are more than a class of torch are in `norms`, `attention`, `recurrence` and `dropout`. What few networks
have is imported where it is made: a node pays for what its specs name.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from common.architecture import operations as ops
from common.architecture.tensors import Shape
from common.errors import SpecError
from common.models.dropout import Dropout
from common.models.norms import BatchNorm, ExampleNorm, GroupNorm, LayerNorm
from common.models.undrawn import META, Conv1d, Conv2d, Linear
from common.preprocessing.scaling import CLIP, Scaling


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
    gaps : bool
        Whether there may be gaps (NaN); after scaling they are 0.
    """

    mean: Tensor
    factor: Tensor

    def __init__(self, scaling: Scaling, axes: int, *, gaps: bool = False) -> None:
        super().__init__()
        self.limit, self.gaps = CLIP if scaling.clipped else math.inf, gaps
        shape = (len(scaling.mean), *[1] * axes)
        factor = [1 / std if std else 0.0 for std in scaling.std]
        self.register_buffer("mean", torch.tensor(scaling.mean).reshape(shape), persistent=False)
        self.register_buffer("factor", torch.tensor(factor).reshape(shape), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Scale a batch."""
        scaled = (x - self.mean).mul_(self.factor).clamp_(-self.limit, self.limit)
        return scaled.nan_to_num_(nan=0.0, posinf=math.inf, neginf=-math.inf) if self.gaps else scaled


class Bias(nn.Module):
    """One learnt vector for every example: ``(n, ...)`` to ``(n, width)``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.empty(width, device=META))

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


class Multiply(nn.Module):
    """Its first input times the gates in its second, one for each value or channel."""

    def forward(self, x: Tensor, gates: Tensor) -> Tensor:
        """Multiply, a gate of a channel everywhere."""
        return x * gates.reshape(*gates.shape, *[1] * (x.ndim - gates.ndim))


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
    "relu6": nn.ReLU6,
    "hard_swish": nn.Hardswish,
    "sigmoid": nn.Sigmoid,
    "hard_sigmoid": nn.Hardsigmoid,
}


def _linear(operation: ops.Linear, shape: Shape) -> nn.Module:
    return Linear(shape[0], operation.width, operation.bias, device=META)


def _convolution(operation: ops.Convolution, shape: Shape) -> nn.Module:
    cls: Any = (Conv1d, Conv2d)[len(shape) - 2]
    module: nn.Module = cls(
        shape[0],
        operation.width,
        operation.kernel,
        operation.stride,
        padding=operation.dilation * (operation.kernel // 2),
        dilation=operation.dilation,
        groups=shape[0] if operation.depthwise else 1,
        bias=operation.bias,
        device=META,
    )
    return module


def _max_pool(operation: ops.MaxPool, shape: Shape) -> nn.Module:
    cls: Any = (nn.MaxPool1d, nn.MaxPool2d)[len(shape) - 2]
    module: nn.Module = cls(operation.kernel, operation.stride, _padding(operation))
    return module


def _avg_pool(operation: ops.AvgPool, shape: Shape) -> nn.Module:
    cls: Any = (nn.AvgPool1d, nn.AvgPool2d)[len(shape) - 2]
    module: nn.Module = cls(operation.kernel, operation.stride, _padding(operation), count_include_pad=False)
    return module


def _padding(operation: ops.MaxPool | ops.AvgPool) -> int:
    return operation.kernel // 2 if operation.padded else 0


def _standardise(operation: ops.Standardise, shape: Shape) -> nn.Module:
    if operation.scaling is None:
        raise SpecError(
            "A network whose nodes scale inputs each by its own examples needs some to fit that to",
            fix="Call task.fitted(examples) first, or load_model(folder, examples)",
        )
    return Standardise(operation.scaling, len(shape) - 1, gaps=operation.gaps)


def _positions(_: ops.Operation, shape: Shape) -> nn.Module:
    from common.models.attention import Positions

    return Positions(shape)


def _self_attention(operation: ops.SelfAttention, shape: Shape) -> nn.Module:
    from common.models.attention import SelfAttention

    return SelfAttention(shape[0], operation.heads)


def _gru(operation: ops.GRU, shape: Shape) -> nn.Module:
    from common.models.recurrence import GRU

    return GRU(shape[0], operation.width)


def _mix(operation: ops.Mix, _: Shape, *others: Shape) -> nn.Module:  # noqa: ARG001 - they are alike
    from common.models.mixing import Mix

    return Mix(operation.place, operation.options, operation.inputs)


def _channels(operation: ops.Channels, _: Shape) -> nn.Module:
    from common.models.mixing import Channels

    return Channels(operation.first, operation.count)


def _shuffle(operation: ops.Shuffle, _: Shape) -> nn.Module:
    from common.models.mixing import Shuffle

    return Shuffle(operation.groups)


OPERATIONS: dict[str, Callable[..., nn.Module]] = {
    ops.Linear.op: _linear,
    ops.Bias.op: lambda operation, _: Bias(operation.width),
    ops.Convolution.op: _convolution,
    ops.MaxPool.op: _max_pool,
    ops.AvgPool.op: _avg_pool,
    ops.AverageTo.op: lambda operation, _: AverageTo(operation.extents),
    ops.GlobalPool.op: lambda operation, _: GlobalPool(operation.how),
    ops.Flatten.op: lambda *_: nn.Flatten(),
    ops.GroupNorm.op: lambda operation, shape: GroupNorm(operation.groups, shape[0], device=META),
    ops.BatchNorm.op: lambda _, shape: BatchNorm(shape[0]),
    ops.LayerNorm.op: lambda _, shape: LayerNorm(shape[0], device=META),
    ops.ExampleNorm.op: lambda *_: ExampleNorm(),
    ops.Activation.op: lambda operation, _: ACTIVATIONS[operation.function](),
    ops.Dropout.op: lambda operation, _: Dropout(operation.p),
    ops.Add.op: lambda *_: Add(),
    ops.Multiply.op: lambda *_: Multiply(),
    ops.Concatenate.op: lambda *_: Concatenate(),
    ops.LogEnergy.op: lambda operation, _: LogEnergy(operation.bands),
    "positions": _positions,
    "self_attention": _self_attention,
    "gru": _gru,
    "plain_group_norm": lambda operation, shape: GroupNorm(operation.groups, shape[0], affine=False),
    "plain_batch_norm": lambda _, shape: BatchNorm(shape[0], affine=False),
    "plain_layer_norm": lambda _, shape: LayerNorm(shape[0], elementwise_affine=False),
    "mix": _mix,
    "channels": _channels,
    "shuffle": _shuffle,
    ops.Standardise.op: _standardise,
}
"""By the name of the operation."""


def module_of(operation: ops.Operation, *inputs: Shape) -> nn.Module:
    """Return the module of an operation on inputs of these shapes; its tensors are on the meta device."""
    return OPERATIONS[operation.op](operation, *inputs)
