"""Whether a task has what a recipe asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from common.errors import ConfigError
from common.settings import AUGMENTATIONS

if TYPE_CHECKING:
    from common.settings import TrainingSettings
    from common.tasks import Task

AXES = 3
"""Channels of a sensor that measures in space."""


def check_recipe(recipe: TrainingSettings, task: Task) -> None:
    """Raise `ConfigError` where the task does not have what a recipe asks for."""
    task.head.check_smoothing(recipe.label_smoothing)
    task.head.check_balanced(recipe.class_weights == "balanced")
    check_augmentation(recipe.augmentation, task.kind, task.input_shape[0])


def check_augmentation(names: Sequence[str], kind: str, channels: int) -> None:
    """Raise `ConfigError` unless inputs can be changed so.

    Parameters
    ----------
    names : sequence of str
        What is to be done to them.
    kind : {"vector", "sequence", "image"}
        Of the inputs.
    channels : int
        Of one example; features of a vector.
    """
    strange = [name for name in names if name not in AUGMENTATIONS[kind]]
    if strange:
        raise ConfigError(
            f"training.augmentation of examples that are {kind}s is among {', '.join(AUGMENTATIONS[kind])}",
            strange,
            fix="Leave them out",
        )
    if "rotate" in names and channels % AXES:
        raise ConfigError(
            f"training.augmentation=[rotate] is for sensors with {AXES} channels each, one after the other",
            f"{channels} channels",
            fix="Leave rotate out",
        )
