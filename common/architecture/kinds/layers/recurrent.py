"""Recurrent layers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from common.architecture import operations as ops
from common.architecture.graph import GraphBuilder
from common.architecture.kinds.layers.base import ACTIVATIONS, NORMS, Weighted, by
from common.architecture.rules import one_of


@dataclass(frozen=True, kw_only=True)
class GRU(Weighted):
    """A gated recurrent unit over time, all of whose states go on; by default neither norm nor activation follow."""

    op: ClassVar[str] = "gru"
    family: ClassVar[str] = "recurrent"
    axes: ClassVar[tuple[int, ...]] = (1,)

    activation: str = field(default="none", metadata=by(one_of(ACTIVATIONS), "activation"))
    norm: str = field(default="none", metadata=by(one_of(NORMS), "norm"))

    def core(self, network: GraphBuilder, name: str, x: int) -> int:
        """Add the recurrence."""
        return network.add(name, ops.GRU(self.width), x)
