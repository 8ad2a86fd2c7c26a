"""Linear maps: of a vector, of each window of a sequence or an image, and of nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from common.architecture.operations.base import Operation, require_axes
from common.architecture.tensors import Shape, TensorInfo

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


@dataclass(frozen=True)
class Convolution(Operation):
    """A convolution over time, or over both axes of an image, padded with ``kernel // 2`` zeros.

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
    """

    width: int
    kernel: int
    stride: int = 1
    bias: bool = True

    op: ClassVar[str] = "convolution"

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return ``(width, *extents)``."""
        (shape,) = inputs
        require_axes(self.op, shape, (1, 2))
        return (self.width, *(-(-extent // self.stride) for extent in shape[1:]))

    def tensors(self, *inputs: Shape) -> tuple[TensorInfo, ...]:
        """Return weight ``(width, channels, *kernel)`` and bias."""
        (shape,) = inputs
        return _weight_and_bias((self.width, shape[0], *[self.kernel] * (len(shape) - 1)), self.bias)

    def macs(self, *inputs: Shape) -> int:
        """Return outputs x channels x kernel volume (padding counted, as torch does)."""
        (shape,) = inputs
        return math.prod((*self.output_shape(shape), shape[0], *[self.kernel] * (len(shape) - 1)))

    def copies(self, *inputs: Shape) -> tuple[int, ...]:
        """Return input and output in oneDNN's order, which fills their channels up to whole blocks."""
        (shape,) = inputs
        return (_blocked(shape), _blocked(self.output_shape(shape)))


def _blocked(shape: Shape) -> int:
    return -(-shape[0] // _BLOCK) * _BLOCK * math.prod(shape[1:])


def _weight_and_bias(shape: Shape, bias: bool) -> tuple[TensorInfo, ...]:
    fan_in = math.prod(shape[1:])
    weight = TensorInfo("weight", shape, "uniform", fan_in)
    return (weight, TensorInfo("bias", shape[:1], "uniform", fan_in)) if bias else (weight,)
