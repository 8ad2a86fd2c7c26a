"""Attention among the steps of a sequence or the places of an image, and what tells it where they are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from common.architecture.operations.base import Operation, Saved, require_axes
from common.architecture.tensors import Shape, TensorInfo
from common.errors import SpecError


class Positions(Operation):
    """Adds to each place what tells where it is: sines and cosines that are fixed, so there is no state.

    On a sequence as in A. Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.5. On an image the
    first half of the channels, rounded up, tells the row in this way, the others the column.
    """

    op: ClassVar[str] = "positions"

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return the shape unchanged."""
        (shape,) = inputs
        require_axes(self.op, shape, (1, 2))
        return shape

    def saves(self, *inputs: Shape) -> Saved:  # noqa: ARG002
        """Return nothing."""
        return Saved()


@dataclass(frozen=True)
class SelfAttention(Operation):
    """Multi-head scaled dot-product attention among all steps of a sequence, or all places of an image.

    As in Vaswani et al. (2017), section 3.2, with biases, without mask and dropout.

    Parameters
    ----------
    heads : int
        A divisor of the channels.
    """

    heads: int

    op: ClassVar[str] = "self_attention"
    contiguous: ClassVar[bool | None] = False

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return the shape unchanged."""
        (shape,) = inputs
        require_axes(self.op, shape, (1, 2))
        if shape[0] % self.heads:
            raise SpecError(
                f"self_attention needs a number of heads that divides {shape[0]} channels",
                self.heads,
                fix="Use another number of heads, or another width",
            )
        return shape

    def tensors(self, *inputs: Shape) -> tuple[TensorInfo, ...]:
        """Return weights and biases of queries, keys and values together, then of what follows."""
        ((width, *_),) = inputs
        return (
            TensorInfo("project.weight", (3 * width, width), "uniform", width),
            TensorInfo("project.bias", (3 * width,), "uniform", width),
            TensorInfo("combine.weight", (width, width), "uniform", width),
            TensorInfo("combine.bias", (width,), "uniform", width),
        )

    def macs(self, *inputs: Shape) -> int:
        """Return those of four linear maps at each step, and of each step's product and sum with all."""
        ((width, *extents),) = inputs
        steps = math.prod(extents)
        return 4 * width * width * steps + 2 * steps * steps * width

    def saves(self, *inputs: Shape) -> Saved:
        """Return a copy of the input, queries with keys and values, their sums, and the sums' normalisers."""
        ((width, *extents),) = inputs
        steps = math.prod(extents)
        return Saved(own=(width * steps, 3 * width * steps, width * steps, self.heads * steps))

    def working(self, *inputs: Shape) -> int:
        """Return queries with keys and values, sums, and the output."""
        return 5 * math.prod(inputs[0])
