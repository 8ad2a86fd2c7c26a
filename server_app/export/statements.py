"""How each primitive operation is written in Python, for `server_app.export.source`.

Of one operation it takes a layer to make beforehand, if it has one, and an expression of what enters it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.architecture import operations as ops
from common.architecture.tensors import Shape
from common.models.attention import positions
from common.preprocessing.scaling import CLIP

Tensors = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Written:
    """One operation as code.

    Parameters
    ----------
    text : str
        Of a layer how it is made, such as ``nn.Linear(5, 7)``; else an expression in which ``{}`` is an input, such as
        ``F.relu({})``.
    layer : bool
        Which of the two.
    tensors : mapping
        Of a layer, the tensors of its ``state_dict`` that are none of the network's state: constants, and counts.
    loose : bool
        Whether an expression is put in brackets where more is done with it.
    """

    text: str
    layer: bool = False
    tensors: Tensors = field(default_factory=dict)
    loose: bool = False


def _layer(text: str, **tensors: Any) -> Written:
    return Written(text, True, {name: np.asarray(values) for name, values in tensors.items()})


def _linear(operation: ops.Linear, shape: Shape) -> Written:
    return _layer(f"nn.Linear({shape[0]}, {operation.width}{'' if operation.bias else ', bias=False'})")


def _convolution(operation: ops.Convolution, shape: Shape) -> Written:
    options = {
        "stride": (operation.stride, 1),
        "padding": (operation.dilation * (operation.kernel // 2), 0),
        "dilation": (operation.dilation, 1),
        "groups": (shape[0] if operation.depthwise else 1, 1),
        "bias": (operation.bias, True),
    }
    told = "".join(f", {name}={value}" for name, (value, plain) in options.items() if value != plain)
    return _layer(f"nn.Conv{len(shape) - 1}d({shape[0]}, {operation.width}, {operation.kernel}{told})")


def _pool(operation: ops.MaxPool | ops.AvgPool, shape: Shape) -> Written:
    padding = f", padding={operation.kernel // 2}" if operation.padded else ""
    counted = ", count_include_pad=False" if padding and operation.op == ops.AvgPool.op else ""
    arguments = f"{operation.kernel}, stride={operation.stride}{padding}{counted}"
    return Written(f"F.{operation.op}{len(shape) - 1}d({{}}, {arguments})")


def _average_to(operation: ops.AverageTo, _: Shape) -> Written:
    extents = operation.extents if len(operation.extents) > 1 else operation.extents[0]
    return Written(f"F.adaptive_avg_pool{len(operation.extents)}d({{}}, {extents})")


def _global_pool(operation: ops.GlobalPool, _: Shape) -> Written:
    return Written({"avg": "{}.flatten(2).mean(2)", "max": "{}.flatten(2).amax(2)"}.get(operation.how, "log_std({})"))


def _batch_norm(_: ops.Operation, shape: Shape, options: str = "") -> Written:
    axes = max(1, len(shape) - 1)
    return _layer(f"nn.BatchNorm{axes}d({shape[0]}{options})", num_batches_tracked=np.int64(0))


def _layer_norm(_: ops.Operation, shape: Shape, options: str = "") -> Written:
    return _layer(f"{'nn.LayerNorm' if len(shape) == 1 else 'ChannelNorm'}({shape[0]}{options})")


def _mix(operation: ops.Mix, *shapes: Shape) -> Written:
    """Write the sum of options that are all alike, which is what a network has that nobody gave shares."""
    return Written(" + ".join([f"{{}} * {1 / operation.options!r}"] * len(shapes)), loose=True)


def _standardise(operation: ops.Standardise, shape: Shape) -> Written:
    from common.models.operations import module_of

    module: Any = module_of(operation, shape)
    axes = len(shape) - 1
    limit = "" if module.limit == CLIP else ', limit=float("inf")'
    gaps = ", gaps=True" if module.gaps else ""
    return _layer(
        f"Standardise({shape[0]}, axes={axes}{limit}{gaps})", mean=module.mean.numpy(), factor=module.factor.numpy()
    )


def _positions(_: ops.Operation, shape: Shape) -> Written:
    return _layer(f"Positions({', '.join(map(str, shape))})", table=positions(shape))


_ACTIVATIONS = {
    "relu": "F.relu({})",
    "gelu": "F.gelu({})",
    "silu": "F.silu({})",
    "tanh": "torch.tanh({})",
    "relu6": "F.relu6({})",
    "hard_swish": "F.hardswish({})",
    "sigmoid": "torch.sigmoid({})",
    "hard_sigmoid": "F.hardsigmoid({})",
}

OPERATIONS: dict[str, Callable[..., Written]] = {
    ops.Linear.op: _linear,
    ops.Bias.op: lambda operation, _: _layer(f"Constant({operation.width})"),
    ops.Convolution.op: _convolution,
    ops.MaxPool.op: _pool,
    ops.AvgPool.op: _pool,
    ops.AverageTo.op: _average_to,
    ops.GlobalPool.op: _global_pool,
    ops.Flatten.op: lambda *_: Written("{}.flatten(1)"),
    ops.GroupNorm.op: lambda operation, shape: _layer(f"nn.GroupNorm({operation.groups}, {shape[0]})"),
    ops.BatchNorm.op: _batch_norm,
    ops.LayerNorm.op: _layer_norm,
    ops.ExampleNorm.op: lambda *_: Written("F.instance_norm({})"),
    ops.Activation.op: lambda operation, _: Written(_ACTIVATIONS[operation.function]),
    ops.Dropout.op: lambda operation, _: _layer(f"nn.Dropout({operation.p:g})"),
    ops.Add.op: lambda _, *shapes: Written(" + ".join(["{}"] * len(shapes)), loose=len(shapes) > 1),
    ops.Multiply.op: lambda *_: Written("gated({}, {})"),
    ops.Concatenate.op: lambda _, *shapes: Written(f"torch.cat([{', '.join(['{}'] * len(shapes))}], dim=1)"),
    ops.LogEnergy.op: lambda operation, _: Written(f"log_energy({{}}, bands={operation.bands})"),
    "positions": _positions,
    "self_attention": lambda operation, shape: _layer(f"SelfAttention({shape[0]}, heads={operation.heads})"),
    "gru": lambda operation, shape: _layer(f"GRU({shape[0]}, {operation.width})"),
    "plain_group_norm": lambda operation, shape: _layer(f"nn.GroupNorm({operation.groups}, {shape[0]}, affine=False)"),
    "plain_batch_norm": lambda operation, shape: _batch_norm(operation, shape, ", affine=False"),
    "plain_layer_norm": lambda operation, shape: _layer_norm(operation, shape, ", elementwise_affine=False"),
    "mix": _mix,
    "channels": lambda operation, _: Written(f"{{}}[:, {operation.first}:{operation.first + operation.count}]"),
    "shuffle": lambda operation, _: Written(f"shuffled({{}}, groups={operation.groups})"),
    ops.Standardise.op: _standardise,
}
"""By the name of the operation."""


def written(operation: ops.Operation, *inputs: Shape) -> Written:
    """Return how an operation on inputs of these shapes is written."""
    return OPERATIONS[operation.op](operation, *inputs)
