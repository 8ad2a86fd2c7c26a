"""Normalisation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from common.architecture.operations.base import Operation, Saved, require_axes
from common.architecture.tensors import Shape, TensorInfo
from common.errors import SpecError

_MAX_GROUPS = 8
_MIN_GROUP_SIZE = 16

WINDOW = 10
"""Batches whose statistics count in batch norm: the last one has a tenth, as in torch."""


@dataclass(frozen=True)
class GroupNorm(Operation):
    """Group norm (Wu & He, ECCV 2018), with a scale and a shift for each channel; it does not mix examples.

    Parameters
    ----------
    groups : int
        A divisor of the channels; see `num_groups`.
    """

    groups: int

    op: ClassVar[str] = "group_norm"

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return the shape unchanged."""
        (shape,) = inputs
        if math.prod(shape) < 2:
            raise SpecError(
                "group norm needs 2 values or more, a single one always becomes 0",
                shape,
                fix="Use norm none or a greater width",
            )
        if shape[0] % self.groups:
            raise SpecError(f"group norm needs a number of groups that divides {shape[0]} channels", self.groups)
        return shape

    def tensors(self, *inputs: Shape) -> tuple[TensorInfo, ...]:
        """Return weight and bias ``(channels,)``."""
        (shape,) = inputs
        return _scale_and_shift(shape[:1])

    def saves(self, *inputs: Shape) -> Saved:  # noqa: ARG002
        """Return the input, and mean and deviation of each group."""
        return Saved(inputs=True, own=(2 * self.groups,))

    def working(self, *inputs: Shape) -> int:
        """Return the output, and mean and deviation of each group."""
        return math.prod(inputs[0]) + 2 * self.groups


class LayerNorm(Operation):
    """Layer norm (Ba, Kiros & Hinton, 2016) over the channels at each place of space, or over the features of a vector.

    With a scale and a shift for each channel. That of attention, where a place is a step; group norm with one group
    takes its statistics over all of space instead.
    """

    op: ClassVar[str] = "layer_norm"
    contiguous: ClassVar[bool | None] = False

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return the shape unchanged."""
        (shape,) = inputs
        if shape[0] < 2:
            raise SpecError(
                "layer norm needs 2 channels or more, a single one always becomes 0",
                shape,
                fix="Use norm none or a greater width",
            )
        return shape

    def tensors(self, *inputs: Shape) -> tuple[TensorInfo, ...]:
        """Return weight and bias ``(channels,)``."""
        (shape,) = inputs
        return _scale_and_shift(shape[:1])

    def saves(self, *inputs: Shape) -> Saved:
        """Return the input, and mean and deviation at each place."""
        return Saved(inputs=True, own=(2 * math.prod(inputs[0][1:]),))

    def working(self, *inputs: Shape) -> int:
        """Return the output, mean and deviation, and of spatial features a copy whose channels lie side by side."""
        (shape,) = inputs
        return math.prod(shape) * min(2, len(shape)) + 2 * math.prod(shape[1:])


class ExampleNorm(Operation):
    """Each channel of each example less its mean over space, over its deviation there; it has no state.

    Instance norm without scale and shift (D. Ulyanov, A. Vedaldi & V. Lempitsky, 2016). On the input it takes away what
    differs between people and devices, such as the gain of a sensor, and the level of a signal with it. ``1e-5`` is
    added to a variance, so constants become 0.
    """

    op: ClassVar[str] = "example_norm"
    contiguous: ClassVar[bool | None] = True

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return the shape unchanged."""
        (shape,) = inputs
        require_axes(self.op, shape, (1, 2))
        if math.prod(shape[1:]) < 2:
            raise SpecError(
                "example norm needs 2 values a channel or more, a single one always becomes 0",
                shape,
                fix="Leave it out",
            )
        return shape

    def saves(self, *inputs: Shape) -> Saved:
        """Return the input, and mean and deviation of each channel."""
        return Saved(inputs=True, own=(2 * inputs[0][0],))

    def working(self, *inputs: Shape) -> int:
        """Return the output, and mean and deviation of each channel, twice."""
        (shape,) = inputs
        return math.prod(shape) + 4 * shape[0]


class BatchNorm(Operation):
    """Batch norm (Ioffe & Szegedy, ICML 2015), its running statistics as buffers.

    They travel and are averaged as weights are; `common.models.norms` says by which rule, and what is lost.
    """

    op: ClassVar[str] = "batch_norm"

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return the shape unchanged."""
        (shape,) = inputs
        return shape

    def tensors(self, *inputs: Shape) -> tuple[TensorInfo, ...]:
        """Return weight, bias, running mean and running variance ``(channels,)``."""
        (shape,) = inputs
        mean = TensorInfo("running_mean", shape[:1], "zeros", trainable=False)
        return (
            *_scale_and_shift(shape[:1]),
            mean,
            TensorInfo("running_var", shape[:1], "ones", trainable=False),
        )

    def saves(self, *inputs: Shape) -> Saved:
        """Return the input, and mean and deviation of each channel, over the batch."""
        return Saved(inputs=True, fixed=2 * inputs[0][0])


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


def _scale_and_shift(shape: Shape) -> tuple[TensorInfo, ...]:
    return (TensorInfo("weight", shape, "ones"), TensorInfo("bias", shape, "zeros"))
