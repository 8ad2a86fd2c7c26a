"""What a model is for: the shape of its input, and a head that says what comes out and how that is judged."""

from __future__ import annotations

from common.tasks.base import HEADS, Head, Row, head_from_dict
from common.tasks.classification import MOST_CLASSES, Classification
from common.tasks.regression import Regression
from common.tasks.task import KINDS, Task, task_from_record

__all__ = [
    "HEADS",
    "KINDS",
    "MOST_CLASSES",
    "Classification",
    "Head",
    "Regression",
    "Row",
    "Task",
    "head_from_dict",
    "task_from_record",
]
