"""Operations: the fields of each kind of layer, what it does to a shape, its tensors and its cost.

Everything about one operation that needs no torch is one small class here; its module is one small
function in ``common.models.operations``. A new operation (attention, a mobile block) is such a pair,
with its class named in `OPERATIONS`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any, ClassVar

from common.architecture.rules import MAX_KERNEL, MAX_LAYERS, MAX_WIDTH, Rule, fraction, one_of, optional, whole
from common.architecture.task import KINDS
from common.architecture.tensors import Shape, TensorInfo
from common.errors import SpecError

ACTIVATIONS = ("relu", "gelu", "silu", "tanh", "none")
NORMS = ("group", "batch", "none")

_MAX_GROUPS = 8
_MIN_GROUP_SIZE = 16


def _by(rule: Rule, option: str | None) -> dict[str, Any]:
    """Say by which rule a field is checked, and which option of the `layered` space draws it."""
    return {"rule": rule, "option": option}


@dataclass(frozen=True, kw_only=True)
class Layer(ABC):
    """One layer; a subclass is one operation.

    Every field carries the rule that checks and normalises it, so a layer that exists is well-formed.
    Whether it fits its input is for `output_shape` to say.
    """

    op: ClassVar[str]
    """Its name in a spec."""
    family: ClassVar[str]
    """Operations of one family share their part of a space's draws."""
    axes: ClassVar[tuple[int, ...]]
    """Numbers of spatial axes that it works on: 0 for vectors, 1 for sequences, 2 for images."""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = item.metadata["rule"](f"{self.op} {item.name}", getattr(self, item.name))
            object.__setattr__(self, item.name, value)

    @abstractmethod
    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape that `shape` (without the batch axis) becomes; raises `SpecError` where it does not fit."""

    @abstractmethod
    def describe(self) -> str:
        """Return a few words for people."""

    def tensors(self, shape: Shape) -> tuple[TensorInfo, ...]:  # noqa: ARG002
        """Return the operation's own tensors, in torch's order, for input of `shape`."""
        return ()

    def macs(self, shape: Shape) -> int:  # noqa: ARG002
        """Return the multiply-accumulates of one example of `shape`."""
        return 0

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as plain JSON values."""
        return {"op": self.op, **asdict(self)}

    def _require_axes(self, shape: Shape) -> None:
        if len(shape) - 1 not in self.axes:
            wanted = " or ".join(f"a {KINDS[axes + 1]}" for axes in self.axes).replace("a image", "an image")
            raise SpecError(
                f"{self.op} works on {wanted}",
                shape,
                fix="Put convolutions and pooling before linear layers and choose them for the task's input shape",
            )


@dataclass(frozen=True, kw_only=True)
class Weighted(Layer):
    """A layer with weights: operation, norm, activation, dropout, and then the skip connection is added.

    Parameters
    ----------
    width : int
        Output features or channels.
    activation : {"relu", "gelu", "silu", "tanh", "none"}
        After the norm.
    norm : {"group", "batch", "none"}
        Group norm (Wu & He, ECCV 2018) does not mix examples, so it bears uneven clients; see `num_groups`.
    dropout : float
        Probability in [0, 1), kept to four decimals.
    skip : int, optional
        Earlier layer whose output is added to this layer's output; -1 is the network's input. The layer just
        before gives a plain residual connection.
    """

    width: int = field(kw_only=False, metadata=_by(whole(1, MAX_WIDTH), "width"))
    activation: str = field(default="relu", metadata=_by(one_of(ACTIVATIONS), "activation"))
    norm: str = field(default="group", metadata=_by(one_of(NORMS), "norm"))
    dropout: float = field(default=0.0, metadata=_by(fraction, "dropout"))
    skip: int | None = field(default=None, metadata=_by(optional(whole(-1, MAX_LAYERS - 1)), "skip"))

    def describe(self) -> str:
        """Return operation, width and skip connection."""
        source = "" if self.skip is None else f" +{'input' if self.skip < 0 else self.skip}"
        return f"{self.op} {self.width}{self._details()}{source}"

    def _details(self) -> str:
        return ""


@dataclass(frozen=True, kw_only=True)
class Linear(Weighted):
    """A fully connected layer on vectors; spatial input is reduced to a vector before it."""

    op: ClassVar[str] = "linear"
    family: ClassVar[str] = "linear"
    axes: ClassVar[tuple[int, ...]] = (0,)

    def output_shape(self, shape: Shape) -> Shape:
        """Return ``(width,)``."""
        self._require_axes(shape)
        return (self.width,)

    def tensors(self, shape: Shape) -> tuple[TensorInfo, ...]:
        """Return weight ``(width, features)`` and bias."""
        return _weight_and_bias((self.width, shape[0]))

    def macs(self, shape: Shape) -> int:
        """Return features x width."""
        return shape[0] * self.width


@dataclass(frozen=True, kw_only=True)
class Convolution(Weighted):
    """A convolution with an odd kernel and padding ``kernel // 2``: each extent e becomes ceil(e / stride)."""

    family: ClassVar[str] = "convolution"

    kernel: int = field(default=3, metadata=_by(whole(1, MAX_KERNEL, odd=True), "kernel"))
    stride: int = field(default=1, metadata=_by(whole(1, MAX_KERNEL), "stride"))

    def output_shape(self, shape: Shape) -> Shape:
        """Return ``(width, *extents)``."""
        self._require_axes(shape)
        return (self.width, *(-(-extent // self.stride) for extent in shape[1:]))

    def tensors(self, shape: Shape) -> tuple[TensorInfo, ...]:
        """Return weight ``(width, channels, *kernel)`` and bias."""
        return _weight_and_bias((self.width, shape[0], *[self.kernel] * self.axes[0]))

    def macs(self, shape: Shape) -> int:
        """Return outputs x channels x kernel volume (padding counted, as torch does)."""
        return math.prod((*self.output_shape(shape), shape[0], *[self.kernel] * self.axes[0]))

    def _details(self) -> str:
        return f" k{self.kernel}" + (f" s{self.stride}" if self.stride > 1 else "")


@dataclass(frozen=True, kw_only=True)
class Conv1d(Convolution):
    """A convolution over time, on a sequence ``(channels, time)``."""

    op: ClassVar[str] = "conv1d"
    axes: ClassVar[tuple[int, ...]] = (1,)


@dataclass(frozen=True, kw_only=True)
class Conv2d(Convolution):
    """A convolution with a square kernel, on an image ``(channels, height, width)``."""

    op: ClassVar[str] = "conv2d"
    axes: ClassVar[tuple[int, ...]] = (2,)


@dataclass(frozen=True, kw_only=True)
class Pool(Layer):
    """Pooling without padding, over time or over both axes of an image; no parameters.

    Parameters
    ----------
    kernel : int
        Extent of the window.
    stride : int, optional
        Step of the window; by default `kernel`.
    """

    family: ClassVar[str] = "pooling"
    axes: ClassVar[tuple[int, ...]] = (1, 2)

    kernel: int = field(default=2, kw_only=False, metadata=_by(whole(1, MAX_KERNEL), "pool_kernel"))
    stride: int | None = field(default=None, kw_only=False, metadata=_by(optional(whole(1, MAX_KERNEL)), None))

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "stride", self.stride or self.kernel)

    def output_shape(self, shape: Shape) -> Shape:
        """Return ``(channels, *extents)``, each extent e becoming (e - kernel) // stride + 1."""
        self._require_axes(shape)
        if self.kernel > min(shape[1:]):
            raise SpecError(
                f"{self.op} kernel must fit into its input of shape {shape}",
                self.kernel,
                fix="Use a smaller kernel, or fewer strides and pooling layers before it",
            )
        stride = self.stride or self.kernel
        return (shape[0], *((extent - self.kernel) // stride + 1 for extent in shape[1:]))

    def describe(self) -> str:
        """Return operation, kernel, and stride where it differs."""
        return f"{self.op} {self.kernel}" + (f" s{self.stride}" if self.stride != self.kernel else "")


@dataclass(frozen=True, kw_only=True)
class MaxPool(Pool):
    """The largest value of each window."""

    op: ClassVar[str] = "max_pool"


@dataclass(frozen=True, kw_only=True)
class AvgPool(Pool):
    """The mean of each window."""

    op: ClassVar[str] = "avg_pool"


OPERATIONS: dict[str, type[Layer]] = {cls.op: cls for cls in (Linear, Conv1d, Conv2d, MaxPool, AvgPool)}


def layer_from_dict(values: Any) -> Layer:
    """Build a layer from plain JSON values; missing fields take their defaults, anything odd raises `SpecError`."""
    if not isinstance(values, dict):
        raise SpecError("a layer must be an object such as {'op': 'linear', 'width': 64}", values)
    op = values.get("op")
    cls = OPERATIONS.get(op) if isinstance(op, str) else None
    if cls is None:
        raise SpecError(f"op must be one of {', '.join(OPERATIONS)}", op, fix="Name the layer's operation in 'op'")
    known = {item.name: item for item in fields(cls)}
    unknown = sorted(str(name) for name in values if name not in known and name != "op")
    if unknown:
        raise SpecError(f"{op} knows only {', '.join(known)}", unknown, fix="Remove or rename the unknown fields")
    missing = [name for name, item in known.items() if item.default is MISSING and name not in values]
    if missing:
        raise SpecError(f"{op} needs {', '.join(missing)}", values, fix="Add what is missing")
    return cls(**{name: value for name, value in values.items() if name != "op"})


def num_groups(shape: Shape) -> int:
    """Return the groups of a group norm on features of `shape`.

    The largest divisor of the channels up to 8 that leaves 16 values a group, else 1: a vector of 8
    features in 8 groups would be normalised to zeros.
    """
    channels, values = shape[0], math.prod(shape)
    for groups in range(_MAX_GROUPS, 1, -1):
        if channels % groups == 0 and values // groups >= _MIN_GROUP_SIZE:
            return groups
    return 1


def _weight_and_bias(shape: Shape) -> tuple[TensorInfo, ...]:
    fan_in = math.prod(shape[1:])
    return (TensorInfo("weight", shape, "uniform", fan_in), TensorInfo("bias", shape[:1], "uniform", fan_in))
