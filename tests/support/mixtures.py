"""Small spaces that have a network of all options, and mixtures of their options."""

from __future__ import annotations

import numpy as np

from common.architecture.kinds.mixed import MixedSpec
from common.tasks import Classification, Task
from server_app.darts.mixture import Mixture
from server_app.spaces.cell import CellSpace
from server_app.spaces.layered import LayeredSpace
from server_app.spaces.mobile import MobileSpace

IMAGES = Task((1, 8, 8), Classification(3))
VECTORS = Task((6,), Classification(3))


def cell_space(form: str, nodes: int = 2, operations: list[str] | None = None, **options: object) -> CellSpace:
    """Return a space of cells on images of 8 x 8, without limits."""
    sizes = {"cells": [3], "channels": [2], **options}
    made = CellSpace.Options(form, nodes, operations, max_parameters=None, max_macs=None, **sizes)  # type: ignore[arg-type]
    return CellSpace(IMAGES, made)


def mobile_space(**options: object) -> MobileSpace:
    """Return a space of two stages of two blocks each, all of which may do nothing."""
    stages = [{"width": [2, 4], "stride": 2, "depth": 2}, {"width": [6, 12], "stride": 1, "depth": 2}]
    chosen = {"stages": stages, "blocks": ["identity", "mb2_k3", "mb2_k5"], "stem_width": [2], "last_width": [0, 8]}
    return MobileSpace(IMAGES, MobileSpace.Options(**{**chosen, **options}))  # type: ignore[arg-type]


def layered_space(task: Task = VECTORS, **options: object) -> LayeredSpace:
    """Return a space of up to two layers."""
    return LayeredSpace(task, LayeredSpace.Options(**{"max_layers": 2, "width": [4, 8], **options}))  # type: ignore[arg-type]


def random_mixture(spec: MixedSpec, seed: int) -> Mixture:
    """Return a mixture in which no two options of a place are as likely."""
    alphas = np.random.default_rng(seed).normal(size=spec.num_alphas).astype(np.float32)
    return Mixture.of(spec, alphas, 1.0)
