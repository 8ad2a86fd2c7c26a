"""Operations and shapes of a graph in a few words."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from typing import Any

from common.architecture.operations import Activation, Operation
from common.architecture.tensors import Shape

_LETTERS = {"kernel": "k", "stride": "s"}


def shape_words(shape: Shape) -> str:
    """Return ``32x14x14``, as the options of the command have it."""
    return "x".join(map(str, shape))


def operation_words(operation: Operation) -> str:
    """Return name and attributes, such as ``convolution 32 k3 s2``; attributes with their default value are left out.

    Any operation has words: they are made of the names and values of its fields.
    """
    if isinstance(operation, Activation):
        return operation.function
    known = fields(operation)
    words = [_value(item, getattr(operation, item.name), item is known[0]) for item in known]
    return " ".join([operation.op.replace("_", " "), *filter(None, words)])


def _value(item: Field[Any], value: Any, first: bool) -> str:
    if item.default is not MISSING and value == item.default:
        return ""
    if isinstance(value, bool):
        return item.name if value else f"no {item.name}"
    if isinstance(value, tuple) and all(isinstance(extent, int) for extent in value):
        return shape_words(value)
    if isinstance(value, str):
        return value
    if not isinstance(value, int | float):
        return ""
    return f"{value}" if first else f"{_LETTERS.get(item.name, item.name + ' ')}{value}"
