"""The layers of a layered spec: the fields of each, and the nodes that it becomes.

A new layer is one small class in a module here, named in `LAYERS`; what it does is made of primitive operations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from importlib import import_module
from typing import Any

from common.architecture.kinds.layers.base import ACTIVATIONS, MERGES, NORMS, Layer, Weighted
from common.architecture.kinds.layers.convolutions import Conv1d, Conv2d, Convolution
from common.architecture.kinds.layers.front_ends import FrontEnd, LogEnergy
from common.architecture.kinds.layers.linear import Linear
from common.architecture.kinds.layers.pooling import AvgPool, MaxPool, Pool
from common.errors import SpecError

__all__ = [
    "ACTIVATIONS",
    "LAYERS",
    "MERGES",
    "NORMS",
    "AvgPool",
    "Conv1d",
    "Conv2d",
    "Convolution",
    "FrontEnd",
    "Layer",
    "Linear",
    "LogEnergy",
    "MaxPool",
    "Pool",
    "Weighted",
    "layer_from_dict",
]


class _Layers(Mapping[str, type[Layer]]):
    """Each layer's class by its name; of some the module is imported when it is asked for.

    A node imports what its specs name, and each dataclass costs it half a millisecond.
    """

    def __init__(self, modules: Mapping[str, tuple[str, str]], *known: type[Layer]) -> None:
        self._modules = modules
        self._known = {cls.op: cls for cls in known}
        self._names = (*self._known, *modules)

    def __getitem__(self, op: str) -> type[Layer]:
        if op not in self._known:
            module, name = self._modules[op]
            self._known[op] = getattr(import_module(f"{__name__}.{module}"), name)
        return self._known[op]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


_MODULES = {
    "separable_conv1d": ("separable", "SeparableConv1d"),
    "separable_conv2d": ("separable", "SeparableConv2d"),
    "branches1d": ("branches", "Branches1d"),
    "branches2d": ("branches", "Branches2d"),
    "attention": ("attention", "Attention"),
    "gru": ("recurrent", "GRU"),
}
"""A node opens no module by a name that a message gives."""

LAYERS: Mapping[str, type[Layer]] = _Layers(_MODULES, Linear, Conv1d, Conv2d, MaxPool, AvgPool, LogEnergy)


def layer_from_dict(values: Any) -> Layer:
    """Build a layer from plain JSON values; missing fields take their defaults, anything odd raises `SpecError`."""
    if not isinstance(values, dict):
        raise SpecError("a layer must be an object such as {'op': 'linear', 'width': 64}", values)
    op = values.get("op")
    cls = LAYERS.get(op) if isinstance(op, str) else None
    if cls is None:
        raise SpecError(f"op must be one of {', '.join(LAYERS)}", op, fix="Name the layer's operation in 'op'")
    known = {item.name: item for item in fields(cls)}
    unknown = sorted(str(name) for name in values if name not in known and name != "op")
    if unknown:
        raise SpecError(f"{op} knows only {', '.join(known)}", unknown, fix="Remove or rename the unknown fields")
    missing = [name for name, item in known.items() if item.default is MISSING and name not in values]
    if missing:
        raise SpecError(f"{op} needs {', '.join(missing)}", values, fix="Add what is missing")
    return cls(**{name: value for name, value in values.items() if name != "op"})
