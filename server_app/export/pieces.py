"""What a written network needs beside torch's own layers: copied into its file as it stands here, if it is used.

So each piece needs torch alone, and is for people who have never heard of us. Their tensors are called as those of
`common.models.operations` are.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class Standardise(nn.Module):
    """Each feature or channel less its mean, over its deviation, cut off at a limit; constants become 0.

    Where there may be gaps (NaN), they become 0 too: the mean takes their place.

    The numbers come with the weights: they are those of the data that the network was trained on.
    """

    mean: Tensor
    factor: Tensor

    def __init__(self, channels: int, axes: int, limit: float = 10.0, *, gaps: bool = False) -> None:
        super().__init__()
        self.limit, self.gaps = limit, gaps
        shape = (channels, *[1] * axes)
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("factor", torch.ones(shape))

    def forward(self, x: Tensor) -> Tensor:
        """Scale a batch."""
        scaled = ((x - self.mean) * self.factor).clamp(-self.limit, self.limit)
        return torch.where(scaled.isnan(), 0.0, scaled) if self.gaps else scaled


class Rescale(nn.Module):
    """Put outputs into the units of the targets: a scale and a mean for each of them."""

    mean: Tensor
    scale: Tensor

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(outputs))
        self.register_buffer("scale", torch.ones(outputs))

    def forward(self, outputs: Tensor) -> Tensor:
        """Return the outputs in their units."""
        return outputs * self.scale + self.mean


class Constant(nn.Module):
    """One learnt vector, the same for every example: ``(n, ...)`` to ``(n, outputs)``."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Repeat it for each example."""
        return self.bias.expand(x.shape[0], -1)


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels at each place of ``(n, channels, ...)``."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each place of each example."""
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class Positions(nn.Module):
    """Tell each place where it is, by adding fixed sines and cosines ("Attention Is All You Need", section 3.5)."""

    table: Tensor

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.register_buffer("table", torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        """Add them to each example."""
        return x + self.table


class SelfAttention(nn.Module):
    """Multi-head self-attention among all places of ``(n, channels, ...)``; the shape stays."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(channels, 3 * channels)
        self.combine = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Let each place sum the values of all, weighted by how its query meets their keys."""
        places = x.flatten(2).transpose(1, 2)  # (n, places, channels)
        split = self.project(places).unflatten(2, (3, self.heads, -1))  # (n, places, 3, heads, channels / heads)
        queries, keys, values = split.permute(2, 0, 3, 1, 4).unbind()
        summed = F.scaled_dot_product_attention(queries, keys, values).transpose(1, 2).flatten(2)
        combined: Tensor = self.combine(summed).transpose(1, 2)
        return combined.reshape(x.shape)


class GRU(nn.GRU):
    """A GRU over time with channels before time: ``(n, channels, time)`` to ``(n, width, time)``."""

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Return the state after each step; the first one starts from zeros."""
        states: Tensor = super().forward(x.permute(2, 0, 1))[0]
        return states.permute(1, 2, 0)


def log_std(x: Tensor) -> Tensor:
    """Return the logarithm of each channel's deviation over space: ``(n, channels, ...)`` to ``(n, channels)``."""
    flat = x.flatten(2)
    flat = flat - flat[:, :, :1]  # so that constants become 0, and not what rounding leaves of their mean
    return (flat.var(2, correction=0) + 1e-12).log() / 2


def log_energy(x: Tensor, bands: int) -> Tensor:
    """Return how strongly and how fast each channel moves: ``(n, channels, time)`` to ``(n, channels * (2 + bands))``.

    The logarithms of its variance, of that of its first differences, and of its power in equal bands of frequencies.
    """
    x = x - x[:, :, :1]  # so that constants become 0, and not what rounding leaves of their mean
    spectrum = torch.view_as_real(torch.fft.rfft(x - x.mean(2, keepdim=True), norm="ortho"))
    power = spectrum[:, :, 1:].square().sum(3)
    variance = x.var(2, correction=0, keepdim=True)
    of_differences = x.diff().var(2, correction=0, keepdim=True)
    energies = torch.cat([variance, of_differences, F.adaptive_avg_pool1d(power, bands)], dim=2)
    return (energies + 1e-12).log().flatten(1)


def gated(x: Tensor, gates: Tensor) -> Tensor:
    """Return each value times its gate, or that of its channel."""
    return x * gates.reshape(gates.shape + (1,) * (x.ndim - gates.ndim))


def shuffled(x: Tensor, groups: int) -> Tensor:
    """Return the channels in another order: the first of each group, the second of each group, and so on."""
    return x.reshape(x.shape[0], groups, -1, *x.shape[2:]).transpose(1, 2).flatten(1, 2)
