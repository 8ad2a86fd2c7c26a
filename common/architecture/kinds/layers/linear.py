"""Layers on vectors."""

from __future__ import annotations

from typing import ClassVar

from common.architecture import operations as ops
from common.architecture.graph import GraphBuilder
from common.architecture.kinds.layers.base import Weighted


class Linear(Weighted):
    """A fully connected layer on vectors; spatial input is reduced to a vector before it."""

    op: ClassVar[str] = "linear"
    family: ClassVar[str] = "linear"
    axes: ClassVar[tuple[int, ...]] = (0,)

    def core(self, network: GraphBuilder, name: str, x: int) -> int:
        """Add the linear map."""
        return network.add(name, ops.Linear(self.width), x)
