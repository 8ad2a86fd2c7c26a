"""The primitive operations of a graph.

A new one (attention, a depthwise convolution) is one small class here and one small function in
``common.models.operations``.
"""

from __future__ import annotations

from common.architecture.operations.base import Operation, require_axes
from common.architecture.operations.elementwise import ACTIVATIONS, Activation, Add, Dropout, Standardise
from common.architecture.operations.maps import Convolution, Linear
from common.architecture.operations.norms import BatchNorm, GroupNorm, num_groups
from common.architecture.operations.pooling import AverageTo, AvgPool, Flatten, GlobalPool, MaxPool

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "Add",
    "AverageTo",
    "AvgPool",
    "BatchNorm",
    "Convolution",
    "Dropout",
    "Flatten",
    "GlobalPool",
    "GroupNorm",
    "Linear",
    "MaxPool",
    "Operation",
    "Standardise",
    "num_groups",
    "require_axes",
]
