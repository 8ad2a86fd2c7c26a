"""What a spec costs, computed without torch (contract; see `layout`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from common.architecture.spec import ArchitectureSpec
    from common.architecture.task import TaskShape


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
    raise NotImplementedError
