"""Mixed specs of each kind of frame, drawn, and small ones that are written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from common.architecture.kinds.cell import CellSpec
from common.architecture.kinds.cells import FORMS, NONE, OPERATIONS, SKIP
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import LAYERS, Layer
from common.architecture.kinds.mixed import Choice, MixedSpec
from common.architecture.kinds.mixing.cell import place_of
from common.architecture.kinds.mobile import MobileSpec
from common.architecture.kinds.mobile_blocks import Block, Identity, InvertedResidual
from common.tasks import Task


def mixed_cells(
    form: str, operations: Sequence[str] = OPERATIONS, nodes: int = 2, partial: int = 1, **stack: int | str
) -> MixedSpec:
    """Return cells with all operations on all edges."""
    inputs, reduces = FORMS[form].inputs, FORMS[form].reduces
    edge = [[(inputs - 1, SKIP)]]
    places = [
        place_of(cell, node, source)
        for cell in (("normal", "reduction") if reduces else ("normal",))
        for node in range(nodes)
        for source in range(inputs + node)
    ]
    frame = CellSpec(form, edge, edge if reduces else None, **{"cells": 3, "channels": 4, **stack})
    return MixedSpec(frame, tuple(Choice(place, tuple(operations)) for place in places), partial)


def mixed_blocks(*stages: Sequence[Block], depth: int = 2, **fields: int | str) -> MixedSpec:
    """Return stages of so many blocks, of which the first has the stride that is given, and the others none."""
    places = [
        [type(block)(**{**vars(block), "stride": 1}) if place else block for block in blocks]
        for blocks in stages
        for place in range(depth)
    ]
    real = [next(block for block in blocks if not isinstance(block, Identity)) for blocks in places]
    frame = MobileSpec(tuple(real), **fields)
    return MixedSpec(frame, tuple(Choice(*pair) for pair in zip(frame.names, map(tuple, places), strict=True)))


def mixed_layers(*places: Sequence[Layer], reduce: str = "avg") -> MixedSpec:
    """Return a chain with these layers in its places."""
    frame = LayeredSpec(tuple(options[0] for options in places), reduce)
    return MixedSpec(frame, tuple(Choice(f"layer{index}", tuple(options)) for index, options in enumerate(places)))


@dataclass(frozen=True)
class MixedSpace:
    """Draws mixed specs for a task; no choice of the axis `space`, which draws plain ones.

    Parameters
    ----------
    frame : str
        ``darts``, ``nasbench201``, ``mobile`` or ``layered``.
    task : Task
        For which they are.
    """

    frame: str
    task: Task

    def sample(self, rng: np.random.Generator) -> MixedSpec:
        """Return a spec; of some places only some options are left."""
        spec = getattr(self, f"_{self.frame}")(rng)
        kept = {choice.place: _some(choice, rng) for choice in spec.choices if rng.random() < 0.5}
        return spec.keeping(kept)

    _draw = sample

    def _darts(self, rng: np.random.Generator) -> MixedSpec:
        stack = {"stem_strides": 1, "norm": str(rng.choice(["group", "batch"])), "partial": int(rng.choice([1, 2]))}
        return mixed_cells("darts", OPERATIONS, int(rng.integers(1, 3)), **stack)

    def _nasbench201(self, rng: np.random.Generator) -> MixedSpec:
        stack = {"norm": str(rng.choice(["group", "batch"])), "partial": int(rng.choice([1, 2]))}
        return mixed_cells("nasbench201", OPERATIONS, int(rng.integers(1, 4)), **stack)

    def _mobile(self, rng: np.random.Generator) -> MixedSpec:
        def blocks(width: int, stride: int) -> list[Block]:
            expanded = [InvertedResidual(width, stride, 3, 2, squeeze_excite=True), InvertedResidual(width, stride, 5)]
            return [InvertedResidual(width, stride, 3, 1), *expanded, Identity(width, stride)]

        norm = str(rng.choice(["group", "batch"]))
        return mixed_blocks(blocks(int(rng.choice([4, 6])), 1), blocks(8, 2), norm=norm, last_width=12, stem_width=4)

    def _layered(self, rng: np.random.Generator) -> MixedSpec:
        width, axes = int(rng.choice([4, 6, 8])), len(self.task.input_shape) - 1
        linear = [LAYERS["linear"](width, activation=name) for name in ("relu", "tanh", "gelu")]
        if not axes:
            return mixed_layers(linear, [*linear, LAYERS["linear"](width, dropout=0.25, norm="none")])
        convolutions = [LAYERS[f"conv{axes}d"](width, kernel=kernel, stride=2) for kernel in (3, 5)]
        separable = LAYERS[f"separable_conv{axes}d"](width, kernel=3, stride=2)
        return mixed_layers([*convolutions, separable], [LAYERS["max_pool"](2), LAYERS["avg_pool"](2)], linear)


def _some(choice: Choice, rng: np.random.Generator) -> list[int]:
    """Return some of a place's options, one that is not none among them."""
    count = len(choice.options)
    kept = set(rng.choice(count, int(rng.integers(1, min(4, count + 1))), replace=False).tolist())
    real = [index for index, option in enumerate(choice.options) if option != NONE]
    return sorted(kept | {int(rng.choice(real))})
