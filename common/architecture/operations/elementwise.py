"""Operations on each number by itself, and those that bring several inputs together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from common.architecture.operations.base import Operation, Saved
from common.architecture.tensors import Shape
from common.errors import SpecError
from common.preprocessing.scaling import Scaling

ACTIVATIONS = ("relu", "gelu", "silu", "tanh", "relu6", "hard_swish")
GATES = ("sigmoid", "hard_sigmoid")
"""Activations within [0, 1], which say how much of something goes on."""
_BY_OUTPUT = ("relu", "tanh", "sigmoid")
"""Activations whose derivative follows from what they give, so that they need not keep what they read."""


@dataclass(frozen=True)
class Standardise(Operation):
    """Each feature or channel less its mean, over its deviation, and cut off at `CLIP` deviations; constants become 0.

    Its numbers are no state: nobody trains or averages them, and they travel with the task.

    Parameters
    ----------
    scaling : Scaling, optional
        None where it is not known here.
    gaps : bool
        Whether the input may have gaps (NaN), which become 0.
    """

    scaling: Scaling | None
    gaps: bool = False

    op: ClassVar[str] = "standardise"

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return the shape unchanged."""
        (shape,) = inputs
        return shape


@dataclass(frozen=True)
class Activation(Operation):
    """A nonlinearity.

    Parameters
    ----------
    function : {"relu", "gelu", "silu", "tanh", "relu6", "hard_swish", "sigmoid", "hard_sigmoid"}
        Which one. Relu6, hard swish and hard sigmoid are those of mobile networks (A. Howard et al., "Searching for
        MobileNetV3", ICCV 2019, section 5.2).
    """

    function: str

    op: ClassVar[str] = "activation"

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return the shape unchanged."""
        (shape,) = inputs
        return shape

    def saves(self, *inputs: Shape) -> Saved:  # noqa: ARG002
        """Return the output where the derivative follows from it, else the input."""
        return Saved(output=True) if self.function in _BY_OUTPUT else Saved(inputs=True)

    def family(self, *inputs: Shape) -> str:  # noqa: ARG002
        """Return the function's name."""
        return self.function


@dataclass(frozen=True)
class Dropout(Operation):
    """Zeroes each value with a probability while training (Srivastava et al., JMLR 2014).

    Parameters
    ----------
    p : float
        In (0, 1).
    """

    p: float

    op: ClassVar[str] = "dropout"

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return the shape unchanged."""
        (shape,) = inputs
        return shape

    def saves(self, *inputs: Shape) -> Saved:
        """Return the mask."""
        (shape,) = inputs
        return Saved(own=(math.prod(shape),))

    def passes_on(self, *inputs: Shape, training: bool) -> bool:  # noqa: ARG002
        """Return whether nothing is dropped: in scoring."""
        return not training


class Add(Operation):
    """The sum of inputs of one shape."""

    op: ClassVar[str] = "add"
    arity: ClassVar[int | None] = None

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return the one shape."""
        if len(set(inputs)) > 1:
            raise SpecError("add needs inputs of one shape", inputs, fix="Pool or project them first")
        return inputs[0]

    def saves(self, *inputs: Shape) -> Saved:  # noqa: ARG002
        """Return nothing."""
        return Saved()

    def working(self, *inputs: Shape) -> int:
        """Return the sum, and that of fewer inputs where there are more than two."""
        return super().working(*inputs) * min(2, len(inputs) - 1)

    def calls(self, *inputs: Shape) -> int:
        """Return the number of sums."""
        return len(inputs) - 1

    def passes_on(self, *inputs: Shape, training: bool) -> bool:  # noqa: ARG002
        """Return whether there is one input alone."""
        return len(inputs) == 1


class Multiply(Operation):
    """Each value times its gate; the gates are of the same shape, or one for each channel."""

    op: ClassVar[str] = "multiply"
    arity: ClassVar[int | None] = 2

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return the shape of the first, the second being the gates."""
        shape, gates = inputs
        if gates not in (shape, shape[:1]):
            raise SpecError(f"multiply needs a gate for each value or channel of {shape}", gates, fix="Project them")
        return shape


class Concatenate(Operation):
    """Features or channels of all inputs, one after the other; their extents are the same."""

    op: ClassVar[str] = "concatenate"
    arity: ClassVar[int | None] = None

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return ``(sum of widths, *extents)``."""
        extents = {shape[1:] for shape in inputs}
        if len(extents) > 1:
            raise SpecError("concatenate needs inputs of the same extents", inputs, fix="Pool them first")
        return (sum(shape[0] for shape in inputs), *inputs[0][1:])

    def saves(self, *inputs: Shape) -> Saved:  # noqa: ARG002
        """Return nothing."""
        return Saved()
