"""Self-attention among the steps of a sequence, or patches of an image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from common.architecture import operations as ops
from common.architecture.graph import GraphBuilder
from common.architecture.kinds.layers.base import ACTIVATIONS, NORMS, Weighted, add_norm, by
from common.architecture.rules import MAX_HEADS, MAX_PATCH, one_of, whole

EXPANSION = 2
"""Hidden units of the feed-forward part, over the width."""


@dataclass(frozen=True, kw_only=True)
class Attention(Weighted):
    """Multi-head self-attention, then linear maps of each place by itself, each added to what it reads.

    The encoder layer of A. Vaswani et al., "Attention Is All You Need", NeurIPS 2017, with norms before the two parts
    (R. Xiong et al., ICML 2020), twice the width between the linear maps instead of four times, and positions, which
    are fixed, added before every such layer: it may stand anywhere in a chain. Space stays space, so convolutions and
    pooling may follow.

    Parameters
    ----------
    width : int
        Channels; where the input has others, or patches, a convolution brings it to this width first.
    activation
        Between the two linear maps; with "none" there is no such part, only attention.
    norm
        Before each part.
    dropout
        Of what is added.
    heads : int
        A divisor of the width.
    patch : int
        Steps, or pixels of a side, that become one place: each extent e becomes ceil(e / patch). The convolution that
        does it has the patch as its stride and the next odd number as its kernel.
    """

    op: ClassVar[str] = "attention"
    family: ClassVar[str] = "attention"
    axes: ClassVar[tuple[int, ...]] = (1, 2)

    activation: str = field(default="gelu", metadata=by(one_of(ACTIVATIONS), "activation"))
    norm: str = field(default="layer", metadata=by(one_of(NORMS), "norm"))
    heads: int = field(default=4, metadata=by(whole(1, MAX_HEADS), "heads"))
    patch: int = field(default=1, metadata=by(whole(1, MAX_PATCH), "patch"))

    def core(self, network: GraphBuilder, name: str, x: int) -> int:
        """Add what brings the input to its width and places."""
        if self.patch == 1 and network.shape(x)[0] == self.width:
            return x
        return network.add(name, ops.Convolution(self.width, self.patch | 1, self.patch), x)

    def add_to(self, network: GraphBuilder, name: str, x: int) -> int:
        """Add places with their positions, attention and the feed-forward part."""
        ops.require_axes(self.op, network.shape(x), self.axes)
        x = network.add(f"{name}_positions", ops.Positions(), self.core(network, name, x))
        attending = add_norm(network, f"{name}_norm", x, self.norm)
        attending = network.add(f"{name}_attention", ops.SelfAttention(self.heads), attending)
        attending = self._dropped(network, f"{name}_dropout", attending)
        x = network.add(f"{name}_attended", ops.Add(), x, attending)
        return x if self.activation == "none" else self._fed_forward(network, f"{name}_forward", x)

    def _fed_forward(self, network: GraphBuilder, name: str, x: int) -> int:
        inner = add_norm(network, f"{name}_norm", x, self.norm)
        inner = network.add(f"{name}_expand", ops.Convolution(EXPANSION * self.width, 1), inner)
        inner = network.add(f"{name}_activation", ops.Activation(self.activation), inner)
        inner = network.add(f"{name}_reduce", ops.Convolution(self.width, 1), inner)
        return network.add(name, ops.Add(), x, self._dropped(network, f"{name}_dropout", inner))

    def _details(self) -> str:
        return f" h{self.heads}" + (f" p{self.patch}" if self.patch > 1 else "")
