"""What cells and mobile blocks are made of: convolutions without bias, each with a norm."""

from __future__ import annotations

from dataclasses import dataclass

from common.architecture import operations as ops
from common.architecture.graph import INPUT, GraphBuilder

NORMS = ("group", "batch")
MAX_STRIDES = 8
"""Of a stem: it leaves one pixel of 256."""


@dataclass(frozen=True)
class BlockBuilder:
    """Adds what blocks have in common to a graph.

    Parameters
    ----------
    network : GraphBuilder
        Where to.
    norm : {"group", "batch"}
        After convolutions. Group norm (Wu & He, ECCV 2018) does not mix examples, so it bears uneven clients.
    """

    network: GraphBuilder
    norm: str

    def stem(self, width: int, strides: int, function: str) -> int:
        """Add the first convolutions: `strides` of them with stride 2, or one with stride 1 where that is 0.

        All have a kernel of 3 and a norm; between them, not after the last, is an activation.
        """
        x = self.convolution("stem", INPUT, width, 3, 2 if strides else 1)
        for index in range(1, strides):
            x = self.activation(f"stem{index}_activation", x, function)
            x = self.convolution(f"stem{index}", x, width, 3, 2)
        return x

    def convolution(self, name: str, x: int, width: int, kernel: int = 1, stride: int = 1) -> int:
        """Add a convolution and its norm."""
        return self.normed(name, self.network.add(name, ops.Convolution(width, kernel, stride, bias=False), x))

    def depthwise(self, name: str, x: int, kernel: int, stride: int = 1, dilation: int = 1) -> int:
        """Add a depthwise convolution, which leaves the channels as they are; no norm."""
        width = self.network.shape(x)[0]
        operation = ops.Convolution(width, kernel, stride, bias=False, dilation=dilation, depthwise=True)
        return self.network.add(name, operation, x)

    def normed(self, name: str, x: int) -> int:
        """Add the norm of what has this name."""
        if self.norm == "batch":
            return self.network.add(f"{name}_norm", ops.BatchNorm(), x)
        return self.network.add(f"{name}_norm", ops.GroupNorm(ops.num_groups(self.network.shape(x))), x)

    def activation(self, name: str, x: int, function: str) -> int:
        """Add a nonlinearity."""
        return self.network.add(name, ops.Activation(function), x)

    def halved(self, name: str, x: int) -> int:
        """Add what averages windows of 3 with stride 2: each extent e becomes ceil(e / 2), also where it is 1."""
        return self.network.add(name, ops.AvgPool(3, 2, padded=True), x)

    def end(self, name: str, x: int, width: int) -> None:
        """Add the mean over space, and the head's linear map of this name."""
        mean = self.network.add(f"{name}_reduce", ops.GlobalPool("avg"), x)
        self.network.add(name, ops.Linear(width), mean)
