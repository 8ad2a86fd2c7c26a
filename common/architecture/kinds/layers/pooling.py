"""Pooling layers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from common.architecture import operations as ops
from common.architecture.graph import GraphBuilder
from common.architecture.kinds.layers.base import Layer, by
from common.architecture.rules import MAX_KERNEL, optional, whole


@dataclass(frozen=True, kw_only=True)
class Pool(Layer):
    """Pooling without padding, over time or over both axes of an image; no parameters.

    Parameters
    ----------
    kernel : int
        Extent of the window.
    stride : int, optional
        Step of the window; by default `kernel`.
    """

    family: ClassVar[str] = "pooling"
    axes: ClassVar[tuple[int, ...]] = (1, 2)

    kernel: int = field(default=2, kw_only=False, metadata=by(whole(1, MAX_KERNEL), "pool_kernel"))
    stride: int | None = field(default=None, kw_only=False, metadata=by(optional(whole(1, MAX_KERNEL)), None))

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "stride", self.stride or self.kernel)

    def describe(self) -> str:
        """Return operation, kernel, and stride where it differs."""
        return f"{self.op} {self.kernel}" + (f" s{self.stride}" if self.stride != self.kernel else "")


class MaxPool(Pool):
    """The largest value of each window."""

    op: ClassVar[str] = "max_pool"

    def core(self, network: GraphBuilder, name: str, x: int) -> int:
        """Add the pooling."""
        return network.add(name, ops.MaxPool(self.kernel, self.stride or self.kernel), x)


class AvgPool(Pool):
    """The mean of each window."""

    op: ClassVar[str] = "avg_pool"

    def core(self, network: GraphBuilder, name: str, x: int) -> int:
        """Add the pooling."""
        return network.add(name, ops.AvgPool(self.kernel, self.stride or self.kernel), x)
