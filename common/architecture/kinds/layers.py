"""The layers of a layered spec: the fields of each, and the nodes that it becomes.

A new layer is one small class here, named in `LAYERS`; what it does is made of primitive operations.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any, ClassVar

from common.architecture import operations as ops
from common.architecture.graph import GraphBuilder
from common.architecture.rules import (
    MAX_BANDS,
    MAX_KERNEL,
    MAX_LAYERS,
    MAX_WIDTH,
    Rule,
    fraction,
    one_of,
    optional,
    whole,
)
from common.errors import SpecError

ACTIVATIONS = (*ops.ACTIVATIONS, "none")
NORMS = ("group", "batch", "none")


def _by(rule: Rule, option: str | None) -> dict[str, Any]:
    """Say by which rule a field is checked, and which option of the `layered` space draws it."""
    return {"rule": rule, "option": option}


@dataclass(frozen=True, kw_only=True)
class Layer(ABC):
    """One layer; a subclass is one kind of it.

    Every field carries the rule that checks and normalises it, so a layer that exists is well-formed.
    Whether it fits its input is for `add_to` to say.
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
    def operation(self) -> ops.Operation:
        """Return what it does to its input."""

    @abstractmethod
    def describe(self) -> str:
        """Return a few words for people."""

    def add_to(self, network: GraphBuilder, name: str, x: int) -> int:
        """Add the layer's nodes to `network`, from the node `x` on, and return the one that gives its output.

        Raises
        ------
        SpecError
            Where it does not fit its input.
        """
        ops.require_axes(self.op, network.shape(x), self.axes)
        return network.add(name, self.operation(), x)

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as plain JSON values."""
        return {"op": self.op, **asdict(self)}


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

    def add_to(self, network: GraphBuilder, name: str, x: int) -> int:
        """Add operation, norm, activation and dropout; what does nothing is left out."""
        x = super().add_to(network, name, x)
        if self.norm != "none":
            groups = ops.num_groups(network.shape(x))
            x = network.add(f"{name}_norm", ops.GroupNorm(groups) if self.norm == "group" else ops.BatchNorm(), x)
        if self.activation != "none":
            x = network.add(f"{name}_activation", ops.Activation(self.activation), x)
        if self.dropout > 0:
            x = network.add(f"{name}_dropout", ops.Dropout(self.dropout), x)
        return x

    def _details(self) -> str:
        return ""


class Linear(Weighted):
    """A fully connected layer on vectors; spatial input is reduced to a vector before it."""

    op: ClassVar[str] = "linear"
    family: ClassVar[str] = "linear"
    axes: ClassVar[tuple[int, ...]] = (0,)

    def operation(self) -> ops.Operation:
        """Return the linear map."""
        return ops.Linear(self.width)


@dataclass(frozen=True, kw_only=True)
class Convolution(Weighted):
    """A convolution with an odd kernel and padding ``kernel // 2``: each extent e becomes ceil(e / stride)."""

    family: ClassVar[str] = "convolution"

    kernel: int = field(default=3, metadata=_by(whole(1, MAX_KERNEL, odd=True), "kernel"))
    stride: int = field(default=1, metadata=_by(whole(1, MAX_KERNEL), "stride"))

    def operation(self) -> ops.Operation:
        """Return the convolution."""
        return ops.Convolution(self.width, self.kernel, self.stride)

    def _details(self) -> str:
        return f" k{self.kernel}" + (f" s{self.stride}" if self.stride > 1 else "")


class Conv1d(Convolution):
    """A convolution over time, on a sequence ``(channels, time)``."""

    op: ClassVar[str] = "conv1d"
    axes: ClassVar[tuple[int, ...]] = (1,)


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

    def describe(self) -> str:
        """Return operation, kernel, and stride where it differs."""
        return f"{self.op} {self.kernel}" + (f" s{self.stride}" if self.stride != self.kernel else "")


class MaxPool(Pool):
    """The largest value of each window."""

    op: ClassVar[str] = "max_pool"

    def operation(self) -> ops.Operation:
        """Return the pooling."""
        return ops.MaxPool(self.kernel, self.stride or self.kernel)


class AvgPool(Pool):
    """The mean of each window."""

    op: ClassVar[str] = "avg_pool"

    def operation(self) -> ops.Operation:
        """Return the pooling."""
        return ops.AvgPool(self.kernel, self.stride or self.kernel)


class FrontEnd(Layer):
    """Features that are computed, not learned, as a vector; a batch norm brings each of them to one scale."""

    family: ClassVar[str] = "front end"

    def add_to(self, network: GraphBuilder, name: str, x: int) -> int:
        """Add operation and norm."""
        return network.add(f"{name}_norm", ops.BatchNorm(), super().add_to(network, name, x))


@dataclass(frozen=True, kw_only=True)
class LogEnergy(FrontEnd):
    """Log variance, of the differences too, and log power in bands of frequencies, of each channel of a sequence.

    Parameters
    ----------
    bands : int
        At most half the sequence's steps; see the operation.
    """

    op: ClassVar[str] = "log_energy"
    axes: ClassVar[tuple[int, ...]] = (1,)

    bands: int = field(default=8, kw_only=False, metadata=_by(whole(1, MAX_BANDS), "bands"))

    def operation(self) -> ops.Operation:
        """Return the features."""
        return ops.LogEnergy(self.bands)

    def describe(self) -> str:
        """Return operation and bands."""
        return f"{self.op} {self.bands}"


LAYERS: dict[str, type[Layer]] = {cls.op: cls for cls in (Linear, Conv1d, Conv2d, MaxPool, AvgPool, LogEnergy)}


def layer_from_dict(values: Any) -> Layer:
    """Build a layer from plain JSON values; missing fields take their defaults, anything odd raises `SpecError`."""
    if not isinstance(values, dict):
        raise SpecError("a layer must be an object such as {'op': 'linear', 'width': 64}", values)
    op = values.get("op")
    cls = LAYERS.get(op) if isinstance(op, str) else None
    if cls is None:
        raise SpecError(f"op must be one of {', '.join(LAYERS)}", op, fix="Name the layer's operation in 'op'")
    known = {item.name: item for item in fields(cls)}
    unknown = sorted(str(name) for name in values if name not in known and name != "op")
    if unknown:
        raise SpecError(f"{op} knows only {', '.join(known)}", unknown, fix="Remove or rename the unknown fields")
    missing = [name for name, item in known.items() if item.default is MISSING and name not in values]
    if missing:
        raise SpecError(f"{op} needs {', '.join(missing)}", values, fix="Add what is missing")
    return cls(**{name: value for name, value in values.items() if name != "op"})
