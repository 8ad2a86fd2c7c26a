"""The contract of a primitive operation of a graph."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from common.architecture.tensors import Shape, TensorInfo
from common.errors import SpecError
from common.tasks import KINDS


class Saved(NamedTuple):
    """What an operation keeps from its forward pass for its backward pass, beside its parameters and buffers.

    Parameters
    ----------
    inputs, output : bool
        Whether it keeps all that it reads, and what it gives. Several operations may keep the same tensor.
    own : tuple of int
        Sizes, for one example, of other tensors, in numbers of four bytes.
    fixed : int
        Numbers that it keeps whatever the batch.
    """

    inputs: bool = False
    output: bool = False
    own: tuple[int, ...] = ()
    fixed: int = 0


@dataclass(frozen=True)
class Operation(ABC):
    """What one node of a graph does; a subclass is a small frozen dataclass of the operation's attributes.

    All that is known of it without torch is here, as functions of the shapes that enter it (without the batch
    axis); its module is one function in ``common.models.operations``. A subclass without attributes of its own
    needs no decorator, and each decorator costs every process of a node half a millisecond.
    """

    op: ClassVar[str]
    """Its name."""
    arity: ClassVar[int | None] = 1
    """How many inputs it takes; None for any number from one on."""
    contiguous: ClassVar[bool | None] = None
    """Whether its output lies in memory in the order of its axes; None where it does as its first input does."""

    @abstractmethod
    def output_shape(self, *inputs: Shape) -> Shape:
        """Return what the inputs become; raises `SpecError` where they do not fit."""

    def tensors(self, *inputs: Shape) -> tuple[TensorInfo, ...]:  # noqa: ARG002
        """Return its parameters, then its buffers, in the order of its torch module."""
        return ()

    def macs(self, *inputs: Shape) -> int:  # noqa: ARG002
        """Return the multiply-accumulates of one example."""
        return 0

    def saves(self, *inputs: Shape) -> Saved:  # noqa: ARG002
        """Return what its forward pass in training keeps for the backward pass. By default its inputs."""
        return Saved(inputs=True)

    def working(self, *inputs: Shape) -> int:
        """Return the most numbers of one example that live at a time while it scores: output and all on the way to it.

        Without its inputs and what `copies` tells, in numbers of four bytes. By default its output alone.
        """
        return math.prod(self.output_shape(*inputs))

    def passes_on(self, *inputs: Shape, training: bool) -> bool:  # noqa: ARG002
        """Return whether its output is the memory of its first input, or a view of it. By default it is not."""
        return False

    def family(self, *inputs: Shape) -> str:  # noqa: ARG002
        """Return the name of the operations that take time by one rule; see `common.architecture.latency`."""
        return self.op

    def calls(self, *inputs: Shape) -> int:  # noqa: ARG002
        """Return how often it starts something that takes a fixed time. By default once."""
        return 1

    def copies(self, *inputs: Shape) -> tuple[int, ...]:  # noqa: ARG002
        """Return the sizes, for one example, of the copies of inputs and output that oneDNN has while it works.

        In numbers of four bytes. By default there are none.
        """
        return ()


def require_axes(what: str, shape: Shape, axes: Collection[int]) -> None:
    """Raise `SpecError` unless `shape` has one of these numbers of spatial axes: 0, 1 or 2."""
    if len(shape) - 1 not in axes:
        wanted = " or ".join(f"a {KINDS[number + 1]}" for number in axes).replace("a image", "an image")
        raise SpecError(
            f"{what} works on {wanted}",
            shape,
            fix="Put convolutions and pooling before linear layers and choose them for the task's input shape",
        )
