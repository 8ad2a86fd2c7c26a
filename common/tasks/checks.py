"""What heads check alike: names and weights of classes that come as JSON, and outputs that are to be scored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from common.errors import DataError, SpecError

if TYPE_CHECKING:
    from common.tasks.base import Labels

_LONGEST_NAME = 200
_MOST_WEIGHT = 1e6


def check_names(of: str, names: Any) -> tuple[str, ...]:
    """Return the names of classes or labels from JSON; raises `SpecError` for what are none."""
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise SpecError(f"The names of {of} must be a list of texts", names)
    if not all(name.isprintable() and 0 < len(name) <= _LONGEST_NAME for name in names):
        raise SpecError(
            f"Names must be printable, with 1 to {_LONGEST_NAME} characters", fix=f"Rename the {of} in the data"
        )
    return tuple(names)


def weights_from(values: Any) -> tuple[float, ...]:
    """Return the weights of classes from JSON; raises `SpecError` for what are no numbers."""
    if not isinstance(values, list | tuple) or not all(type(value) in (int, float) for value in values):
        raise SpecError("The weights of classes must be a list of numbers", values)
    if not all(0 < value <= _MOST_WEIGHT for value in values):  # a whole number may be too large for a float
        raise SpecError(f"The weight of a class lies above 0, and is {_MOST_WEIGHT:g} at most", values)
    return tuple(float(value) for value in values)


def check_weights(weights: Sequence[float], classes: int) -> None:
    """Raise `SpecError` unless there is a weight for each class, or none."""
    if len(weights) not in (0, classes):
        raise SpecError(f"{classes} classes have as many weights, or none", len(weights))


def check_outputs(outputs: NDArray[np.float32], y: Labels) -> None:
    """Raise `DataError` unless there is a row of finite outputs for each label, and at least one."""
    if outputs.ndim != 2 or len(outputs) != len(y) or not len(y):
        raise DataError("Scores need outputs (n, width) and n labels, with n above 0", (outputs.shape, y.shape))
    if not np.isfinite(outputs).all():
        raise DataError("A model's outputs must be finite, and this one's are not", fix="Lower training.learning_rate")
