"""Parallel convolutions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from common.architecture import operations as ops
from common.architecture.graph import GraphBuilder
from common.architecture.kinds.layers.base import by
from common.architecture.kinds.layers.convolutions import SQUEEZE_EXCITE, Convolutional
from common.architecture.rules import MAX_KERNEL, ascending, whole
from common.errors import SpecError


@dataclass(frozen=True, kw_only=True)
class Branches(Convolutional):
    """Convolutions with kernels of several sizes side by side, their channels concatenated.

    As in C. Szegedy et al., "Going Deeper with Convolutions", CVPR 2015, without what makes its input narrower.

    Parameters
    ----------
    kernels : sequence of int
        Odd, two or more, each once; the order does not matter. They share the width evenly, and what does not divide
        goes to the smallest ones.
    stride : int
        Of all of them.
    squeeze_excite : int, optional
        See `Convolutional`.
    """

    kernels: tuple[int, ...] = field(default=(3, 5), metadata=by(ascending(whole(1, MAX_KERNEL, odd=True)), "kernels"))
    stride: int = field(default=1, metadata=by(whole(1, MAX_KERNEL), "stride"))
    squeeze_excite: int | None = field(default=None, metadata=SQUEEZE_EXCITE)

    def core(self, network: GraphBuilder, name: str, x: int) -> int:
        """Add each convolution, and what puts them side by side."""
        share, rest = divmod(self.width, len(self.kernels))
        if share < 1:
            raise SpecError(
                f"{self.op} needs a channel for each of its {len(self.kernels)} kernels, and width is too small",
                self.width,
                fix="Use a greater width, or fewer kernels",
            )
        branches = [
            network.add(f"{name}_k{kernel}", ops.Convolution(share + (index < rest), kernel, self.stride), x)
            for index, kernel in enumerate(self.kernels)
        ]
        return network.add(name, ops.Concatenate(), *branches)

    def _details(self) -> str:
        kernels = "+".join(map(str, self.kernels))
        return f" k{kernels}" + (f" s{self.stride}" if self.stride > 1 else "") + super()._details()


class Branches1d(Branches):
    """Parallel convolutions over time."""

    op: ClassVar[str] = "branches1d"
    axes: ClassVar[tuple[int, ...]] = (1,)


class Branches2d(Branches):
    """Parallel convolutions over both axes of an image."""

    op: ClassVar[str] = "branches2d"
    axes: ClassVar[tuple[int, ...]] = (2,)
