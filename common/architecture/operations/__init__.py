"""The primitive operations of a graph.

A new one (attention, a depthwise convolution) is one small class here and one small function in
``common.models.operations``.
"""

from __future__ import annotations

from common.architecture.operations.base import Operation, require_axes
from common.architecture.operations.elementwise import (
    ACTIVATIONS,
    Activation,
    Add,
    Concatenate,
    Dropout,
    Standardise,
)
from common.architecture.operations.energies import LogEnergy
from common.architecture.operations.maps import Bias, Convolution, Linear
from common.architecture.operations.norms import BatchNorm, GroupNorm, num_groups
from common.architecture.operations.pooling import LOG_FLOOR, AverageTo, AvgPool, Flatten, GlobalPool, MaxPool

__all__ = [
    "ACTIVATIONS",
    "LOG_FLOOR",
    "Activation",
    "Add",
    "AverageTo",
    "AvgPool",
    "BatchNorm",
    "Bias",
    "Concatenate",
    "Convolution",
    "Dropout",
    "Flatten",
    "GlobalPool",
    "GroupNorm",
    "Linear",
    "LogEnergy",
    "MaxPool",
    "Operation",
    "Standardise",
    "num_groups",
    "require_axes",
]
