"""Operations that make spatial features smaller, or a vector of them; none has weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from common.architecture.operations.base import Operation, Saved, require_axes
from common.architecture.tensors import Shape
from common.errors import SpecError

LOG_FLOOR = 1e-12
"""Added to a variance or power before its logarithm: a deviation of 1e-6."""


@dataclass(frozen=True)
class Pool(Operation):
    """Pooling over time or over both axes of an image.

    Parameters
    ----------
    kernel, stride : int
        Extent of the window, and its step.
    padded : bool
        Whether windows may reach ``kernel // 2`` beyond the input, as those of a convolution do; what lies there
        counts neither in a maximum nor in a mean. Then the kernel is odd.
    """

    kernel: int
    stride: int
    padded: bool = False

    def family(self, *inputs: Shape) -> str:
        """Return its name with the number of axes of space."""
        return f"{self.op}_{len(inputs[0]) - 1}d"

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return ``(channels, *extents)``; each extent e becomes ceil(e / stride), or (e - kernel) // stride + 1."""
        (shape,) = inputs
        require_axes(self.op, shape, (1, 2))
        if self.padded:
            if self.kernel % 2 == 0:
                raise SpecError(f"The kernel of a padded {self.op} must be odd", self.kernel, fix="Use 3")
            return (shape[0], *(-(-extent // self.stride) for extent in shape[1:]))
        if self.kernel > min(shape[1:]):
            raise SpecError(
                f"{self.op} kernel must fit into its input of shape {shape}",
                self.kernel,
                fix="Use a smaller kernel, or fewer strides and pooling layers before it",
            )
        return (shape[0], *((extent - self.kernel) // self.stride + 1 for extent in shape[1:]))


class MaxPool(Pool):
    """The largest value of each window."""

    op: ClassVar[str] = "max_pool"

    def saves(self, *inputs: Shape) -> Saved:
        """Return the input, and the places of the maxima as 64-bit integers."""
        return Saved(inputs=True, own=(2 * math.prod(self.output_shape(*inputs)),))

    def working(self, *inputs: Shape) -> int:
        """Return the output, and of an image the places of the maxima."""
        return super().working(*inputs) * (3 if len(inputs[0]) == 3 else 1)


class AvgPool(Pool):
    """The mean of each window."""

    op: ClassVar[str] = "avg_pool"


@dataclass(frozen=True)
class AverageTo(Operation):
    """The mean over windows that divide each axis into a given number of parts, as evenly as they can.

    Parameters
    ----------
    extents : Shape
        What is left of each spatial axis.
    """

    extents: Shape

    op: ClassVar[str] = "average_to"

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return ``(channels, *extents)``."""
        (shape,) = inputs
        require_axes(self.op, shape, (len(self.extents),))
        return (shape[0], *self.extents)

    def saves(self, *inputs: Shape) -> Saved:  # noqa: ARG002
        """Return the input, or nothing where one part is left, which is a mean."""
        return Saved(inputs=math.prod(self.extents) > 1)


@dataclass(frozen=True)
class GlobalPool(Operation):
    """Mean, maximum or logarithm of the deviation over all of space.

    Parameters
    ----------
    how : {"avg", "max", "log_std"}
        Which of them; `LOG_FLOOR` keeps the logarithm finite.
    """

    how: str

    op: ClassVar[str] = "global_pool"

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return ``(channels,)``."""
        (shape,) = inputs
        require_axes(self.op, shape, (1, 2))
        return shape[:1]

    def family(self, *inputs: Shape) -> str:  # noqa: ARG002
        """Return its name with how it pools."""
        return f"{self.op}_{self.how}"

    def saves(self, *inputs: Shape) -> Saved:
        """Return input and output of a maximum, distances from the first value and variance of a log deviation."""
        (shape,) = inputs
        if self.how == "log_std":
            return Saved(own=(math.prod(shape), shape[0]))
        return Saved(inputs=True, output=True) if self.how == "max" else Saved()

    def working(self, *inputs: Shape) -> int:
        """Return the output, and of a log deviation also distances from the first value."""
        return super().working(*inputs) + (math.prod(inputs[0]) if self.how == "log_std" else 0)


class Flatten(Operation):
    """All numbers as one vector."""

    op: ClassVar[str] = "flatten"
    contiguous: ClassVar[bool | None] = True

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return ``(numbers,)``."""
        (shape,) = inputs
        return (math.prod(shape),)

    def saves(self, *inputs: Shape) -> Saved:  # noqa: ARG002
        """Return nothing."""
        return Saved()

    def passes_on(self, *inputs: Shape, training: bool) -> bool:  # noqa: ARG002
        """Return True: the output is a view."""
        return True
