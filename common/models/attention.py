"""Self-attention, and the positions that it would not know of."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from common.architecture.tensors import Shape
from common.models.undrawn import META, Linear

_WAVES = 10_000.0
"""The longest wavelength, over 2 pi, in steps."""


def positions(shape: Shape) -> NDArray[np.float32]:
    """Return what tells each place of a sequence or an image from the others.

    Parameters
    ----------
    shape : Shape
        ``(channels, *extents)``.

    Returns
    -------
    NDArray
        float32, of that shape. On a sequence, channel 2i of d has ``sin(t / 10000^(2i / d))``, and the next one the
        cosine (Vaswani et al., NeurIPS 2017, section 3.5); on an image the first half of the channels, rounded up, has
        that of the row, the others that of the column.
    """
    channels, *extents = shape
    share = -(-channels // len(extents))
    parts = [_waves(min(share, channels - axis * share), extents[axis]) for axis in range(len(extents))]
    spread = [
        part.reshape(len(part), *(extent if axis == other else 1 for other, extent in enumerate(extents)))
        for axis, part in enumerate(parts)
    ]
    return np.concatenate([np.broadcast_to(part, (len(part), *extents)) for part in spread]).astype(np.float32)


def _waves(channels: int, extent: int) -> NDArray[np.float64]:
    channel = np.arange(channels)[:, None]
    angles = np.arange(extent) / _WAVES ** (channel // 2 * 2 / max(channels, 1))
    return np.where(channel % 2, np.cos(angles), np.sin(angles))


class Positions(nn.Module):
    """Adds `positions` to a batch: ``(n, *shape)``."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self._table = torch.from_numpy(positions(shape))

    def forward(self, x: Tensor) -> Tensor:
        """Add them to each example."""
        return x + self._table.to(x)


class SelfAttention(nn.Module):
    """Multi-head self-attention among all places of space, ``(n, width, ...)`` to the same shape.

    Parameters
    ----------
    width : int
        Channels.
    heads : int
        A divisor of `width`.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.project = Linear(width, 3 * width, device=META)
        self.combine = Linear(width, width, device=META)

    def forward(self, x: Tensor) -> Tensor:
        """Let each place sum the values of all, weighted by how its query meets their keys."""
        n, width, *extents = x.shape
        projected = self.project(x.flatten(2).transpose(1, 2)).view(n, -1, 3, self.heads, width // self.heads)
        queries, keys, values = projected.permute(2, 0, 3, 1, 4).unbind()
        summed = F.scaled_dot_product_attention(queries, keys, values)
        combined: Tensor = self.combine(summed.transpose(1, 2).reshape(n, -1, width))
        return combined.transpose(1, 2).reshape(n, width, *extents)
