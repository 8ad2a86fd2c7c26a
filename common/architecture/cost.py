"""What a spec costs, computed without torch."""

from __future__ import annotations

from dataclasses import dataclass

from common.architecture.layout import layout, steps
from common.architecture.spec import ArchitectureSpec
from common.architecture.task import TaskShape

_BYTES = 4


@dataclass(frozen=True)
class Cost:
    """Costs of one architecture on one task.

    Parameters
    ----------
    parameters : int
        Trainable numbers.
    buffers : int
        Numbers that travel but are not trained (running statistics of batch norm).
    macs : int
        Multiply-accumulate operations of convolutions and matrix products for one example, forward.
    message_bytes : int
        Bytes of the packed float32 state that one message carries one way.
    """

    parameters: int
    buffers: int
    macs: int
    message_bytes: int


def cost_of(spec: ArchitectureSpec, task: TaskShape) -> Cost:
    """Return the cost of `spec` on `task`; raises `SpecError` where the two do not fit."""
    tensors = layout(spec, task)
    parameters = sum(tensor.size for tensor in tensors if tensor.trainable)
    buffers = sum(tensor.size for tensor in tensors if not tensor.trainable)
    macs = sum(step.macs() for step in steps(spec, task))
    return Cost(parameters, buffers, macs, _BYTES * (parameters + buffers))
