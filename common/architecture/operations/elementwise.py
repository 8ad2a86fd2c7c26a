"""Operations on each number by itself, and those that bring several inputs together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from common.architecture.operations.base import Operation
from common.architecture.tensors import Shape
from common.errors import SpecError
from common.preprocessing.scaling import Scaling

ACTIVATIONS = ("relu", "gelu", "silu", "tanh", "relu6", "hard_swish")
GATES = ("sigmoid", "hard_sigmoid")
"""Activations within [0, 1], which say how much of something goes on."""


@dataclass(frozen=True)
class Standardise(Operation):
    """Each feature or channel less its mean, over its deviation, and cut off at `CLIP` deviations; constants become 0.

    Its numbers are no state: nobody trains or averages them, and they travel with the task.

    Parameters
    ----------
    scaling : Scaling, optional
        None where it is not known here.
    """

    scaling: Scaling | None

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

    def made(self, *inputs: Shape) -> tuple[int, ...]:
        """Return random bits, mask and product."""
        return super().made(*inputs) * 3


class Add(Operation):
    """The sum of inputs of one shape."""

    op: ClassVar[str] = "add"
    arity: ClassVar[int | None] = None

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return the one shape."""
        if len(set(inputs)) > 1:
            raise SpecError("add needs inputs of one shape", inputs, fix="Pool or project them first")
        return inputs[0]

    def made(self, *inputs: Shape) -> tuple[int, ...]:
        """Return one sum for each input but the first."""
        return super().made(*inputs) * (len(inputs) - 1)


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

    def made(self, *inputs: Shape) -> tuple[int, ...]:
        """Return the output, and where a gate is for a channel what its gradient is the sum of."""
        shape, gates = inputs
        return super().made(*inputs) * (1 if gates == shape else 2)

    def scored(self, *inputs: Shape) -> tuple[int, ...]:
        """Return the output."""
        return super().made(*inputs)


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
