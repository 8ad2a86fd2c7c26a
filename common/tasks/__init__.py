"""What a model is for: the shape of its input, and a head that says what comes out and how that is judged."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from common.tasks.base import HEADS, Head, Row, head_from_dict
from common.tasks.task import KINDS, Task, task_from_record

if TYPE_CHECKING:
    from common.tasks.classification import MOST_CLASSES, Classification
    from common.tasks.multilabel import MOST_LABELS, Multilabel
    from common.tasks.regression import Regression

__all__ = [
    "HEADS",
    "KINDS",
    "MOST_CLASSES",
    "MOST_LABELS",
    "Classification",
    "Head",
    "Multilabel",
    "Regression",
    "Row",
    "Task",
    "head_from_dict",
    "task_from_record",
]

_HOMES = {
    "MOST_CLASSES": "classification",
    "MOST_LABELS": "multilabel",
    **{name: module for module, name in HEADS.items()},
}


def __getattr__(name: str) -> Any:
    """Import a head when it is first asked for: a node needs one, and each takes 2 ms of its process."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
