"""Recurrent layers of sequences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from common.architecture.operations.base import Operation, Saved, require_axes
from common.architecture.tensors import Shape, TensorInfo


@dataclass(frozen=True)
class GRU(Operation):
    """A gated recurrent unit over time (K. Cho et al., EMNLP 2014), all of whose states go on.

    In the form of cuDNN and torch, in which the reset gate meets the state after its linear map.

    Parameters
    ----------
    width : int
        Numbers of the state.
    """

    width: int

    op: ClassVar[str] = "gru"
    contiguous: ClassVar[bool | None] = False

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return ``(width, time)``."""
        (shape,) = inputs
        require_axes(self.op, shape, (1,))
        return (self.width, shape[1])

    def tensors(self, *inputs: Shape) -> tuple[TensorInfo, ...]:
        """Return weights of inputs and states, then biases, for reset, update and new state; all drawn alike."""
        ((channels, _),) = inputs
        gates = 3 * self.width
        shapes = {"weight_ih": (gates, channels), "weight_hh": (gates, self.width), "bias_ih": (gates,)}
        shapes["bias_hh"] = (gates,)
        return tuple(TensorInfo(f"{name}_l0", shape, "uniform", self.width) for name, shape in shapes.items())

    def macs(self, *inputs: Shape) -> int:
        """Return steps x 3 x width x (channels + width)."""
        ((channels, time),) = inputs
        return time * 3 * self.width * (channels + self.width)

    def calls(self, *inputs: Shape) -> int:
        """Return the steps, which follow one another."""
        return inputs[0][1]

    def saves(self, *inputs: Shape) -> Saved:
        """Return a copy of the input, and of each step three gates, their products, and the state before it."""
        ((channels, time),) = inputs
        return Saved(own=(channels * time, *[self.width * time] * 7))

    def working(self, *inputs: Shape) -> int:
        """Return the first state, the input's part in the gates, with a copy of the input or the states, twice."""
        ((channels, time),) = inputs
        states = self.width * time
        return self.width + 3 * states + max(channels * time, 2 * states)
