"""Depthwise separable convolutions."""

from __future__ import annotations

from typing import ClassVar

from common.architecture import operations as ops
from common.architecture.graph import GraphBuilder
from common.architecture.kinds.layers.convolutions import Convolution


class Separable(Convolution):
    """A convolution of each channel by itself, then one with kernel 1 across them.

    In the form of F. Chollet, "Xception", CVPR 2017: neither norm nor activation between the two. The first one has the
    stride, the dilation, and no bias, which the second would take in.
    """

    def core(self, network: GraphBuilder, name: str, x: int) -> int:
        """Add both."""
        channels, *_ = network.shape(x)
        depthwise = ops.Convolution(channels, self.kernel, self.stride, False, self.dilation, depthwise=True)
        return network.add(name, ops.Convolution(self.width, 1), network.add(f"{name}_depthwise", depthwise, x))


class SeparableConv1d(Separable):
    """A depthwise separable convolution over time."""

    op: ClassVar[str] = "separable_conv1d"
    axes: ClassVar[tuple[int, ...]] = (1,)


class SeparableConv2d(Separable):
    """A depthwise separable convolution over both axes of an image."""

    op: ClassVar[str] = "separable_conv2d"
    axes: ClassVar[tuple[int, ...]] = (2,)
