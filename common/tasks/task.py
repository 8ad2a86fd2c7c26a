"""What a model is for: the shape of its input, how that is scaled, and a head."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from common.errors import SpecError
from common.preprocessing.scaling import Scaling
from common.tasks.base import Head, head_from_dict

KINDS = {1: "vector", 2: "sequence", 3: "image"}


@dataclass(frozen=True)
class Task:
    """What a model is for.

    Parameters
    ----------
    input_shape : tuple of int
        One example without the batch axis: ``(features,)``, ``(channels, time)`` or ``(channels, height, width)``.
    head : Head
        What comes out.
    scaling : Scaling or "node", optional
        What a network does with its input first; ``"node"``: each node fits it to its own examples. None leaves inputs
        as they are.
    """

    input_shape: tuple[int, ...]
    head: Head
    scaling: Scaling | Literal["node"] | None = None

    def __post_init__(self) -> None:
        if len(self.input_shape) not in KINDS or min(self.input_shape) < 1:
            raise SpecError(
                "An example is a vector (features), a sequence (channels, time) or an image (channels, height, width)",
                self.input_shape,
                fix="Reshape the data",
            )
        if isinstance(self.scaling, Scaling) and len(self.scaling.mean) != self.input_shape[0]:
            raise SpecError(
                f"A scaling has one mean and deviation for each of {self.input_shape[0]} features or channels",
                len(self.scaling.mean),
            )

    def fitted(self, x: NDArray[np.float32]) -> Task:
        """Return the task with the scaling that fits a node's training examples, where each has its own."""
        return replace(self, scaling=Scaling.of(x)) if self.scaling == "node" else self

    @property
    def kind(self) -> str:
        """``"vector"``, ``"sequence"`` or ``"image"``."""
        return KINDS[len(self.input_shape)]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        scaling = self.scaling.to_dict() if isinstance(self.scaling, Scaling) else self.scaling
        return {"input_shape": list(self.input_shape), "head": self.head.to_dict(), "scaling": scaling}

    def to_record(self) -> dict[str, Any]:
        """Return what files of a run say of it: `to_dict`, and beside it the facts of the head."""
        return {**self.to_dict(), **self.head.facts()}

    @classmethod
    def from_dict(cls, values: Any) -> Task:
        """Build from what `to_dict` wrote, or from anything: what is no task raises `SpecError`."""
        shape = values.get("input_shape") if isinstance(values, dict) else None
        if not isinstance(shape, list) or not shape or not all(type(extent) is int for extent in shape):
            raise SpecError("A task has an input_shape of whole numbers", shape)
        scaling = values.get("scaling")
        if scaling not in (None, "node"):
            scaling = Scaling.from_dict(scaling)
        return cls(tuple(shape), head_from_dict(values.get("head")), scaling)


def task_from_record(values: Any) -> Task:
    """Read the task in a file of a run; those of before 0.2 may hold the number of classes in place of a head.

    All of these went by accuracy, and do not say so.

    Raises
    ------
    SpecError
        It is none.
    """
    if not isinstance(values, dict):
        return Task.from_dict(values)
    counted = {
        "kind": "classification",
        "num_classes": values.get("num_classes"),
        "classes": values.get("classes", []),
    }
    head = values.get("head", counted)
    if isinstance(head, dict) and head.get("kind") == "classification":
        head = {"goes_by": "accuracy", **head}
    return Task.from_dict({**values, "head": head})
