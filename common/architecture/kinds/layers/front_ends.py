"""Features that are computed, not learned."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from common.architecture import operations as ops
from common.architecture.graph import GraphBuilder
from common.architecture.kinds.layers.base import Layer, by
from common.architecture.rules import MAX_BANDS, whole


class FrontEnd(Layer):
    """Features that are computed, not learned, as a vector; a batch norm brings each of them to one scale."""

    family: ClassVar[str] = "front end"

    def add_to(self, network: GraphBuilder, name: str, x: int) -> int:
        """Add operation and norm."""
        return network.add(f"{name}_norm", ops.BatchNorm(), super().add_to(network, name, x))


@dataclass(frozen=True, kw_only=True)
class LogEnergy(FrontEnd):
    """Log variance, of the differences too, and log power in bands of frequencies, of each channel of a sequence.

    Parameters
    ----------
    bands : int
        At most half the sequence's steps; see the operation.
    """

    op: ClassVar[str] = "log_energy"
    axes: ClassVar[tuple[int, ...]] = (1,)

    bands: int = field(default=8, kw_only=False, metadata=by(whole(1, MAX_BANDS), "bands"))

    def core(self, network: GraphBuilder, name: str, x: int) -> int:
        """Add the features."""
        return network.add(name, ops.LogEnergy(self.bands), x)

    def describe(self) -> str:
        """Return operation and bands."""
        return f"{self.op} {self.bands}"
