"""The primitive operations of a graph.

A new one is one small class here and one small function in ``common.models.operations``. Those that few networks have
are imported when they are asked for: a node pays for what its specs name.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from common.architecture.operations.base import Operation, require_axes
from common.architecture.operations.elementwise import (
    ACTIVATIONS,
    GATES,
    Activation,
    Add,
    Concatenate,
    Dropout,
    Multiply,
    Standardise,
)
from common.architecture.operations.energies import LogEnergy
from common.architecture.operations.maps import Bias, Convolution, Linear
from common.architecture.operations.norms import BatchNorm, ExampleNorm, GroupNorm, LayerNorm, num_groups
from common.architecture.operations.pooling import LOG_FLOOR, AverageTo, AvgPool, Flatten, GlobalPool, MaxPool

if TYPE_CHECKING:
    from common.architecture.operations.attention import Positions, SelfAttention
    from common.architecture.operations.mixing import Channels, Mix, Shuffle
    from common.architecture.operations.plain_norms import PlainBatchNorm, PlainGroupNorm, PlainLayerNorm
    from common.architecture.operations.recurrence import GRU

_MODULES = {
    **dict.fromkeys(("Channels", "Mix", "Shuffle"), "mixing"),
    **dict.fromkeys(("PlainBatchNorm", "PlainGroupNorm", "PlainLayerNorm"), "plain_norms"),
    **{"GRU": "recurrence", "Positions": "attention", "SelfAttention": "attention"},
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


__all__ = [
    "ACTIVATIONS",
    "GATES",
    "GRU",
    "LOG_FLOOR",
    "Activation",
    "Add",
    "AverageTo",
    "AvgPool",
    "BatchNorm",
    "Bias",
    "Channels",
    "Concatenate",
    "Convolution",
    "Dropout",
    "ExampleNorm",
    "Flatten",
    "GlobalPool",
    "GroupNorm",
    "LayerNorm",
    "Linear",
    "LogEnergy",
    "MaxPool",
    "Mix",
    "Multiply",
    "Operation",
    "PlainBatchNorm",
    "PlainGroupNorm",
    "PlainLayerNorm",
    "Positions",
    "SelfAttention",
    "Shuffle",
    "Standardise",
    "num_groups",
    "require_axes",
]
