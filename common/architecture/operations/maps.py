"""Linear maps: of a vector, of each window of a sequence or an image, and of nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from common.architecture.operations.base import Operation, Saved, require_axes
from common.architecture.tensors import Shape, TensorInfo
from common.errors import SpecError

_BLOCK = 16
"""Channels that lie side by side in oneDNN's copies: those of one vector of AVX-512; other processors have 8 or 4."""


@dataclass(frozen=True)
class Linear(Operation):
    """A matrix product on a vector.

    Parameters
    ----------
    width : int
        Output features.
    bias : bool
        Whether a bias is added.
    """

    width: int
    bias: bool = True

    op: ClassVar[str] = "linear"

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return ``(width,)``."""
        (shape,) = inputs
        require_axes(self.op, shape, (0,))
        return (self.width,)

    def tensors(self, *inputs: Shape) -> tuple[TensorInfo, ...]:
        """Return weight ``(width, features)`` and bias."""
        (shape,) = inputs
        return _weight_and_bias((self.width, shape[0]), self.bias)

    def macs(self, *inputs: Shape) -> int:
        """Return features x width."""
        (shape,) = inputs
        return shape[0] * self.width


@dataclass(frozen=True)
class Bias(Operation):
    """What is left of `Linear` without its input: one vector that is learnt, for every example the same.

    It starts at 0, where all outputs are alike: there its first step leads towards what is most frequent.

    Parameters
    ----------
    width : int
        Output features.
    """

    width: int

    op: ClassVar[str] = "bias"

    def output_shape(self, *inputs: Shape) -> Shape:  # noqa: ARG002
        """Return ``(width,)``, whatever enters."""
        return (self.width,)

    def tensors(self, *inputs: Shape) -> tuple[TensorInfo, ...]:  # noqa: ARG002
        """Return the bias ``(width,)``."""
        return (TensorInfo("bias", (self.width,), "zeros"),)

    def saves(self, *inputs: Shape) -> Saved:  # noqa: ARG002
        """Return nothing."""
        return Saved()


@dataclass(frozen=True)
class Convolution(Operation):
    """A convolution over time, or over both axes of an image, padded with ``dilation (kernel // 2)`` zeros.

    Parameters
    ----------
    width : int
        Output channels.
    kernel : int
        Extent of the window, odd, so that each extent e becomes ceil(e / stride).
    stride : int
        Step of the window.
    bias : bool
        Whether a bias is added.
    dilation : int
        Distance of a window's places from each other (F. Yu & V. Koltun, ICLR 2016); 1 leaves none between them.
    depthwise : bool
        Whether each channel is convolved by itself, with one kernel of its own (F. Chollet, "Xception", CVPR 2017);
        then there are as many output channels as input channels.
    """

    width: int
    kernel: int
    stride: int = 1
    bias: bool = True
    dilation: int = 1
    depthwise: bool = False

    op: ClassVar[str] = "convolution"

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return ``(width, *extents)``."""
        (shape,) = inputs
        require_axes(self.op, shape, (1, 2))
        if self.depthwise and self.width != shape[0]:
            raise SpecError(
                f"A depthwise convolution of {shape[0]} channels gives as many",
                self.width,
                fix="Let a convolution with kernel 1 change their number",
            )
        return (self.width, *(-(-extent // self.stride) for extent in shape[1:]))

    def tensors(self, *inputs: Shape) -> tuple[TensorInfo, ...]:
        """Return weight ``(width, channels, *kernel)``, or ``(width, 1, *kernel)`` where depthwise, and bias."""
        (shape,) = inputs
        return _weight_and_bias((self.width, *self._window(shape)), self.bias)

    def macs(self, *inputs: Shape) -> int:
        """Return outputs x what meets in each of them (padding counted, as torch does)."""
        (shape,) = inputs
        return math.prod((*self.output_shape(shape), *self._window(shape)))

    def family(self, *inputs: Shape) -> str:
        """Return pointwise where its kernel is 1, depthwise or convolution, with the number of axes of space."""
        what = "depthwise" if self.depthwise else "pointwise" if self.kernel == 1 else self.op
        return f"{what}_{len(inputs[0]) - 1}d"

    def copies(self, *inputs: Shape) -> tuple[int, ...]:
        """Return input and output in oneDNN's order, which fills their channels up to whole blocks."""
        (shape,) = inputs
        return (_blocked(shape), _blocked(self.output_shape(shape)))

    def _window(self, shape: Shape) -> Shape:
        """Return the extents of what meets in one output: channels and kernel."""
        return (1 if self.depthwise else shape[0], *[self.kernel] * (len(shape) - 1))


def _blocked(shape: Shape) -> int:
    return -(-shape[0] // _BLOCK) * _BLOCK * math.prod(shape[1:])


def _weight_and_bias(shape: Shape, bias: bool) -> tuple[TensorInfo, ...]:
    fan_in = math.prod(shape[1:])
    weight = TensorInfo("weight", shape, "uniform", fan_in)
    return (weight, TensorInfo("bias", shape[:1], "uniform", fan_in)) if bias else (weight,)
