"""Convolutions over time, or over both axes of an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

from common.architecture import operations as ops
from common.architecture.graph import GraphBuilder
from common.architecture.kinds.layers.base import Weighted, by
from common.architecture.rules import MAX_KERNEL, MAX_WIDTH, optional, whole

SQUEEZE_EXCITE = by(optional(whole(1, MAX_WIDTH)), "squeeze_excite", later=True)


class Convolutional(Weighted):
    """A layer of convolutions, whose channels may be weighed against each other by what the means of all of them say.

    That is squeeze-and-excitation (J. Hu, L. Shen & G. Sun, CVPR 2018), after the activation. Subclasses have the field
    `squeeze_excite`: how many times fewer hidden units than channels there are between its two linear maps, one at
    least; None for no such part.
    """

    family: ClassVar[str] = "convolution"

    squeeze_excite: int | None

    def _recalibrated(self, network: GraphBuilder, name: str, x: int) -> int:
        if self.squeeze_excite is None:
            return x
        hidden = max(1, self.width // self.squeeze_excite)
        steps = {
            "squeeze": ops.GlobalPool("avg"),
            "reduced": ops.Linear(hidden),
            "reduced_activation": ops.Activation("relu"),
            "expanded": ops.Linear(self.width),
            "gate": ops.Activation("sigmoid"),
        }
        gates = x
        for step, operation in steps.items():
            gates = network.add(f"{name}_{step}", operation, gates)
        return network.add(f"{name}_excite", ops.Multiply(), x, gates)

    def _details(self) -> str:
        return "" if self.squeeze_excite is None else f" se{self.squeeze_excite}"


@dataclass(frozen=True, kw_only=True)
class Convolution(Convolutional):
    """A convolution with an odd kernel and padding ``dilation (kernel // 2)``: each extent e becomes ceil(e / stride).

    Parameters
    ----------
    kernel, stride : int
        Places in the window, along each axis, and its step.
    dilation : int
        Distance of those places from each other. With one place it plays no part.
    squeeze_excite : int, optional
        See `Convolutional`.
    """

    idle: ClassVar[Mapping[str, tuple[str, Any]]] = MappingProxyType({**Weighted.idle, "dilation": ("kernel", 1)})

    kernel: int = field(default=3, metadata=by(whole(1, MAX_KERNEL, odd=True), "kernel"))
    stride: int = field(default=1, metadata=by(whole(1, MAX_KERNEL), "stride"))
    dilation: int = field(default=1, metadata=by(whole(1, MAX_KERNEL), "dilation", later=True))
    squeeze_excite: int | None = field(default=None, metadata=SQUEEZE_EXCITE)

    def core(self, network: GraphBuilder, name: str, x: int) -> int:
        """Add the convolution."""
        return network.add(name, ops.Convolution(self.width, self.kernel, self.stride, dilation=self.dilation), x)

    def _details(self) -> str:
        parts = (f" k{self.kernel}", f" s{self.stride}" * (self.stride > 1), f" d{self.dilation}" * (self.dilation > 1))
        return "".join(parts) + super()._details()


class Conv1d(Convolution):
    """A convolution over time, on a sequence ``(channels, time)``."""

    op: ClassVar[str] = "conv1d"
    axes: ClassVar[tuple[int, ...]] = (1,)


class Conv2d(Convolution):
    """A convolution with a square kernel, on an image ``(channels, height, width)``."""

    op: ClassVar[str] = "conv2d"
    axes: ClassVar[tuple[int, ...]] = (2,)
