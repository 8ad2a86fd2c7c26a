"""What a network of all options is made of: weighted sums of options, and parts of channels.

H. Liu, K. Simonyan & Y. Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, equation 2, and Y. Xu et al.,
"PC-DARTS: Partial Channel Connections for Memory-Efficient Architecture Search", ICLR 2020, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from common.architecture.operations.base import Operation, Saved, require_axes
from common.architecture.operations.elementwise import Add, Concatenate
from common.architecture.tensors import Shape
from common.errors import SpecError


@dataclass(frozen=True)
class Mix(Operation):
    """The sum of what the options of one place give, each times its share; the shares sum to 1.

    Shares are no tensors of the network: they follow from the architecture weights, which are an array of their own
    beside the packed state. Until somebody sets them all are alike.

    Parameters
    ----------
    place : str
        Whose options they are; operations of one place, such as an edge of each cell, have the same shares.
    options : int
        How many have a share.
    inputs : tuple of int
        Which of the options each input is, ascending. Who is not there gives 0 and takes its share all the same.
    """

    place: str
    options: int
    inputs: tuple[int, ...]

    op: ClassVar[str] = "mix"
    arity: ClassVar[int | None] = None

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return the one shape."""
        if len(inputs) != len(self.inputs) or len(set(inputs)) > 1:
            raise SpecError(
                f"The {len(self.inputs)} options of {self.place} must give one shape",
                inputs,
                fix="Offer such as change extents and channels alike",
            )
        return inputs[0]

    def saves(self, *inputs: Shape) -> Saved:
        """Return the inputs, as the shares' gradients need them, and the shares."""
        return Saved(inputs=True, fixed=len(inputs))

    def working(self, *inputs: Shape) -> int:
        """Return the sum, and that of fewer inputs where there are several."""
        return super().working(*inputs) * min(2, len(inputs))

    def family(self, *inputs: Shape) -> str:  # noqa: ARG002
        """Return that of sums, which it takes as long as."""
        return Add.op

    def calls(self, *inputs: Shape) -> int:
        """Return the number of products."""
        return len(inputs)


@dataclass(frozen=True)
class Channels(Operation):
    """Some of the channels, one after the other, as a copy: what reads a view would copy it each for itself.

    Parameters
    ----------
    first, count : int
        Which, from 0, and how many.
    """

    first: int
    count: int

    op: ClassVar[str] = "channels"
    contiguous: ClassVar[bool | None] = True

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return ``(count, *extents)``."""
        (shape,) = inputs
        require_axes(self.op, shape, (1, 2))
        if not 0 < self.count <= shape[0] - self.first:
            raise SpecError(f"channels must be some of {shape[0]}", (self.first, self.count))
        return (self.count, *shape[1:])

    def saves(self, *inputs: Shape) -> Saved:  # noqa: ARG002
        """Return nothing."""
        return Saved()

    def family(self, *inputs: Shape) -> str:  # noqa: ARG002
        """Return that of copies."""
        return Concatenate.op


@dataclass(frozen=True)
class Shuffle(Operation):
    """The channels in another order: the first of each group, the second of each group, and so on.

    X. Zhang et al., "ShuffleNet", CVPR 2018, figure 1.

    Parameters
    ----------
    groups : int
        A divisor of the channels.
    """

    groups: int

    op: ClassVar[str] = "shuffle"
    contiguous: ClassVar[bool | None] = True

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return the shape unchanged."""
        (shape,) = inputs
        require_axes(self.op, shape, (1, 2))
        if shape[0] % self.groups:
            raise SpecError(f"shuffle needs a number of groups that divides {shape[0]} channels", self.groups)
        return shape

    def saves(self, *inputs: Shape) -> Saved:  # noqa: ARG002
        """Return nothing."""
        return Saved()

    def family(self, *inputs: Shape) -> str:  # noqa: ARG002
        """Return that of copies."""
        return Concatenate.op
