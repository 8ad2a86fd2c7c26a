"""What a model is for: the shape of one example and the number of classes."""

from __future__ import annotations

from dataclasses import dataclass

from common.errors import SpecError

KINDS = {1: "vector", 2: "sequence", 3: "image"}

MOST_CLASSES = 2**16
"""Of a node's data: a larger label is a mistake, and a model of it would fill a machine."""


@dataclass(frozen=True)
class TaskShape:
    """Input shape and classes of a classification task.

    Parameters
    ----------
    input_shape : tuple of int
        One example without the batch axis: ``(features,)``, ``(channels, time)`` or ``(channels, height, width)``.
    num_classes : int
        At least 2.
    """

    input_shape: tuple[int, ...]
    num_classes: int

    def __post_init__(self) -> None:
        if len(self.input_shape) not in KINDS or min(self.input_shape) < 1:
            raise SpecError(
                "An example is a vector (features), a sequence (channels, time) or an image (channels, height, width)",
                self.input_shape,
                fix="Reshape the data",
            )
        if self.num_classes < 2:
            raise SpecError("A classifier needs at least 2 classes", self.num_classes, fix="Check the labels")

    @property
    def kind(self) -> str:
        """``"vector"``, ``"sequence"`` or ``"image"``."""
        return KINDS[len(self.input_shape)]
