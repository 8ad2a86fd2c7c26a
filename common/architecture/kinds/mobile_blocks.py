"""The blocks of mobile networks: their fields, and the nodes that each becomes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any, ClassVar

from common.architecture import operations as ops
from common.architecture.kinds.blocks import BlockBuilder
from common.architecture.rules import MAX_KERNEL, Rule, whole
from common.errors import SpecError

MAX_WIDTH = 4096
MAX_EXPANSION = 16
_SQUEEZE = 4
"""Channels of an excited block to one of those that its gates are computed from, as in MobileNetV3."""


def _by(rule: Rule) -> dict[str, Any]:
    return {"rule": rule}


def flag(name: str, value: Any) -> bool:
    """Apply the rule for yes or no."""
    if not isinstance(value, bool):
        raise SpecError(f"{name} must be true or false", value, fix="Write true or false")
    return value


@dataclass(frozen=True)
class Block(ABC):
    """One block; every field carries the rule that checks it.

    Parameters
    ----------
    width : int
        Output channels.
    stride : int
        1 or 2; of an extent e is left ceil(e / stride).
    """

    width: int = field(metadata=_by(whole(1, MAX_WIDTH)))
    stride: int = field(default=1, metadata=_by(whole(1, 2)))

    op: ClassVar[str]

    def __post_init__(self) -> None:
        for item in fields(self):
            value = item.metadata["rule"](f"{self.op} {item.name}", getattr(self, item.name))
            object.__setattr__(self, item.name, value)

    @abstractmethod
    def add_to(self, blocks: BlockBuilder, name: str, x: int, function: str) -> int:
        """Add the block's nodes with activations of this name, and return the one that gives its output."""

    @abstractmethod
    def describe(self) -> str:
        """Return a few words for people."""

    def changes(self, width: int) -> bool:
        """Tell whether something else leaves than enters, `width` channels entering: other extents or channels."""
        return self.stride > 1 or self.width != width

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as plain JSON values."""
        return {"op": self.op, **asdict(self)}


class Identity(Block):
    """Nothing; where stride or width change, a 1x1 convolution with a norm that does no more than that."""

    op: ClassVar[str] = "identity"

    def add_to(self, blocks: BlockBuilder, name: str, x: int, function: str) -> int:  # noqa: ARG002
        """Add the convolution."""
        return blocks.convolution(name, x, self.width, 1, self.stride)

    def describe(self) -> str:
        """Return width and stride."""
        return f"identity {self.width}{_stride(self)}"


@dataclass(frozen=True)
class InvertedResidual(Block):
    """A 1x1 convolution to more channels, a depthwise one, and a 1x1 one to `width`, which is added to what enters.

    M. Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, section 3: nothing is added
    where stride or width change, and there is no activation after the last convolution.

    Parameters
    ----------
    kernel : int
        Of the depthwise convolution, odd.
    expansion : int
        Channels in between to one that enters; with 1 there is no first convolution.
    squeeze_excite : bool
        Whether each channel in between is weighed by a gate, computed from the means of all (J. Hu, L. Shen & G. Sun,
        CVPR 2018), through a fourth of the channels, with a hard sigmoid, as in MobileNetV3 (A. Howard et al., ICCV
        2019, section 5.3).
    """

    kernel: int = field(default=3, metadata=_by(whole(1, MAX_KERNEL, odd=True)))
    expansion: int = field(default=4, metadata=_by(whole(1, MAX_EXPANSION)))
    squeeze_excite: bool = field(default=False, metadata=_by(flag))

    op: ClassVar[str] = "inverted_residual"

    def add_to(self, blocks: BlockBuilder, name: str, x: int, function: str) -> int:
        """Add expansion, depthwise convolution, gates, projection, and the sum."""
        before = x
        width = blocks.network.shape(x)[0]
        if self.expansion > 1:
            x = blocks.convolution(f"{name}_expand", x, self.expansion * width)
            x = blocks.activation(f"{name}_expand_activation", x, function)
        x = blocks.normed(f"{name}_depthwise", blocks.depthwise(f"{name}_depthwise", x, self.kernel, self.stride))
        x = blocks.activation(f"{name}_depthwise_activation", x, function)
        if self.squeeze_excite:
            x = _excited(blocks, f"{name}_gate", x)
        x = blocks.convolution(f"{name}_project", x, self.width)
        return x if self.changes(width) else blocks.network.add(f"{name}_add", ops.Add(), x, before)

    def describe(self) -> str:
        """Return expansion, kernel, width, stride, and whether it is excited."""
        excited = " se" if self.squeeze_excite else ""
        return f"mb{self.expansion} k{self.kernel}{excited} {self.width}{_stride(self)}"


BLOCKS: dict[str, type[Block]] = {cls.op: cls for cls in (Identity, InvertedResidual)}


def block_from_dict(values: Any) -> Block:
    """Build a block from plain JSON values; missing fields take their defaults, anything odd raises `SpecError`."""
    if not isinstance(values, Mapping):
        raise SpecError("a block must be an object such as {'op': 'inverted_residual', 'width': 16}", values)
    op = values.get("op")
    cls = BLOCKS.get(op) if isinstance(op, str) else None
    if cls is None:
        raise SpecError(f"op must be one of {', '.join(BLOCKS)}", op, fix="Name the block in 'op'")
    known = {item.name: item for item in fields(cls)}
    if unknown := sorted(str(name) for name in values if name not in known and name != "op"):
        raise SpecError(f"{op} knows only {', '.join(known)}", unknown, fix="Remove or rename the unknown fields")
    if missing := [name for name, item in known.items() if item.default is MISSING and name not in values]:
        raise SpecError(f"{op} needs {', '.join(missing)}", dict(values), fix="Add what is missing")
    return cls(**{name: value for name, value in values.items() if name != "op"})


def _excited(blocks: BlockBuilder, name: str, x: int) -> int:
    """Add gates for the channels of `x`, and their product with it."""
    network = blocks.network
    width = network.shape(x)[0]
    gates = network.add(f"{name}_mean", ops.GlobalPool("avg"), x)
    gates = network.add(f"{name}_squeeze", ops.Linear(max(1, width // _SQUEEZE)), gates)
    gates = network.add(f"{name}_squeeze_activation", ops.Activation("relu"), gates)
    gates = network.add(f"{name}_excite", ops.Linear(width), gates)
    gates = network.add(f"{name}_excite_activation", ops.Activation("hard_sigmoid"), gates)
    return network.add(name, ops.Multiply(), x, gates)


def _stride(block: Block) -> str:
    return f" s{block.stride}" if block.stride > 1 else ""
