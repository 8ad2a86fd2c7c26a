"""One list of all kinds of specs, and for each the spaces that draw it: a new kind is added here, and tested."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from common.architecture.kinds.cells import OPERATIONS
from common.architecture.kinds.constant import ConstantSpec
from common.architecture.kinds.layered import REDUCTIONS
from common.architecture.kinds.layers import LAYERS
from common.tasks import Classification, Task
from server_app.registry import load_choice
from server_app.spaces.base import SearchSpace
from tests.support.mixed import MixedSpace
from tests.support.tables import tabular_space

TASKS = {
    "vector": Task((5,), Classification(3)),
    "sequence": Task((3, 21), Classification(4)),
    "image": Task((2, 9, 7), Classification(3)),
}
LAYERED = {
    "max_layers": 6,
    "operations": list(LAYERS),
    "norm": ["group", "layer", "batch", "none"],
    "skip": 0.5,
    "merge": ["add", "concat"],
    "dilation": [1, 2],
    "squeeze_excite": [None, 4],
    "kernels": [[1, 3], [3, 5, 7]],
    "bands": [3],
    "reduce": list(REDUCTIONS),
    "join": ["none", "log_energy"],
    "normalise": ["none", "example"],
}
STACKS = {
    "operations": list(OPERATIONS),
    "cells": [3, 4],
    "channels": [2, 4],
    "norm": ["group", "batch"],
    "stem_strides": 1,
}
MOBILE = {"norm": ["group", "batch"], "blocks": ["identity", "mb1_k3", "mb4_k5", "mb2_k3_se"]}
EVERY = ("vector", "sequence", "image")
SPATIAL = ("sequence", "image")


def drawn_from(name: str, options: Mapping[str, Any]) -> Callable[[Task], SearchSpace]:
    """Return what makes a space for a task, of what is offered beyond its defaults."""
    cls: Any = load_choice("space", name)
    return lambda task: cast(SearchSpace, cls(task, cls.Options(**options)))


SPACES: dict[str, tuple[tuple[str, ...], Callable[[Task], SearchSpace]]] = {
    "layered": (EVERY, drawn_from("layered", LAYERED)),
    "constant": (EVERY, drawn_from("listed", {"specs": [ConstantSpec().to_dict()]})),
    "cell, darts": (SPATIAL, drawn_from("cell", {**STACKS, "form": "darts"})),
    "cell, nasbench201": (SPATIAL, drawn_from("cell", {**STACKS, "form": "nasbench201"})),
    "mobile": (SPATIAL, drawn_from("mobile", MOBILE)),
    "tabular": (EVERY, lambda _: tabular_space()),
}
"""For each kind, and form of it: for which data, and the space that draws its samples."""
MIXED: dict[str, tuple[tuple[str, ...], Callable[[Task], MixedSpace]]] = {
    "mixed, darts": (SPATIAL, lambda task: MixedSpace("darts", task)),
    "mixed, nasbench201": (SPATIAL, lambda task: MixedSpace("nasbench201", task)),
    "mixed, mobile": (SPATIAL, lambda task: MixedSpace("mobile", task)),
    "mixed, layered": (EVERY, lambda task: MixedSpace("layered", task)),
}
"""Of what no space holds: networks of all options, on the way to plain ones. As `SPACES`."""
CASES = [(case, data) for case, (kinds_of_data, _) in (SPACES | MIXED).items() for data in kinds_of_data]
NO_NETWORKS = ("tabular",)
"""Kinds that only name what was trained elsewhere."""


def kind_of(case: str) -> str:
    """Return the kind of a case, without its form."""
    return case.partition(",")[0]


def space_of(case: str, data: str) -> SearchSpace:
    """Return the space of a case for a kind of data; of a mixed case, what draws its specs."""
    return cast(SearchSpace, (SPACES | MIXED)[case][1](TASKS[data]))
