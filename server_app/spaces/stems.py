"""How far the first convolutions of a network bring a large input down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.errors import SpaceError

if TYPE_CHECKING:
    from common.tasks import Task

GREATEST = {"sequence": 64, "image": 16}
"""Steps, or pixels of a side, that are left at most: more of them see too little of the input each, and cost much."""


def stem_strides(task: Task) -> int:
    """Return after how many strides of 2 a sequence or an image is small enough."""
    greatest, extent, strides = GREATEST[task.kind], max(task.input_shape[1:]), 0
    while extent > greatest:
        extent, strides = -(-extent // 2), strides + 1
    return strides


def require_space(name: str, task: Task) -> None:
    """Raise `SpaceError` where the task's inputs are vectors, which have no places that a kernel could lie on."""
    if task.kind == "vector":
        raise SpaceError(
            f"The {name} space is for sequences and images, and these inputs are vectors",
            task.input_shape,
            fix="Choose space=layered",
        )
