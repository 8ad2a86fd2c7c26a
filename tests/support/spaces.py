"""Spaces that offer everything, for tasks of every shape, the smallest included."""

from dataclasses import replace

from common.architecture.kinds.layered import REDUCTIONS
from common.architecture.kinds.layers import LAYERS
from common.tasks import Classification, Task
from server_app.spaces.layered import LayeredSpace

TASKS = (
    Task((5,), Classification(3)),
    Task((1,), Classification(2)),
    Task((3, 21), Classification(4)),
    Task((1, 2), Classification(2)),
    Task((2, 9, 7), Classification(3)),
    Task((1, 1, 4), Classification(2)),
)
OPTIONS = LayeredSpace.Options(
    min_layers=0,
    max_layers=6,
    operations=list(LAYERS),
    width=[1, 2, 6, 16, 33],
    kernel=[1, 3, 5],
    stride=[1, 2, 3],
    activation=["relu", "gelu", "silu", "tanh", "none"],
    norm=["group", "batch", "none"],
    dropout={"low": 0.0, "high": 0.5},
    skip=0.5,
    bands=[1, 5],
    reduce=list(REDUCTIONS),
    join=["none", "log_energy"],
    max_parameters=None,
    max_macs=None,
)


def everything() -> list[LayeredSpace]:
    """Return two spaces for each task: one free in how a chain begins, one not."""
    return [LayeredSpace(task, replace(OPTIONS, begin=begin)) for task in TASKS for begin in ("any", "conv")]
