"""The torch side of normalisation."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from common.architecture.operations.norms import WINDOW
from common.models.undrawn import META, Undrawn


class GroupNorm(Undrawn, nn.GroupNorm):
    """``nn.GroupNorm`` without a draw."""


class BatchNorm(nn.Module):
    """Batch norm (Ioffe & Szegedy, ICML 2015) whose whole state is float32.

    Departs from torch's in its running statistics, which federated averaging makes do with few batches at a time:

    - They are the mean over the batches that this module has seen, up to the last `WINDOW` (then a moving average).
      A node builds the model anew in each round, so what it sends tells of the weights that it trained, whatever the
      server had; with a moving average alone the zeros and ones of the beginning would still be felt after 20 steps.
    - No count of batches is part of the state: an integer cannot be averaged.
    - A training batch with a single value a channel, which has no variance, is normalised by the running statistics
      instead of raising (the last batch of an epoch may hold one example), and leaves them as they are. So a node that
      has no other sends back those that it got.

    Over nodes they are averaged, weighted by examples, also where a server optimizer steps the weights. That gives the
    mean of all examples whatever the nodes hold, but of the variance only what is within nodes: what lies between them,
    the variance of their means, is not in it. Where nodes differ much, a norm within each example (group, layer) is
    the safer one (K. Hsieh et al., "The Non-IID Data Quagmire of Decentralized Machine Learning", ICML 2020).

    Parameters
    ----------
    channels : int
        Features or channels of its input, shape ``(n, channels, ...)``.
    affine : bool
        Whether it learns a scale and a shift for each.
    """

    weight: nn.Parameter | None
    bias: nn.Parameter | None
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, eps: float = 1e-5, *, affine: bool = True) -> None:
        super().__init__()
        self.eps = eps
        self._batches = 0
        for name in ("weight", "bias"):
            self.register_parameter(name, nn.Parameter(torch.empty(channels, device=META)) if affine else None)
        self.register_buffer("running_mean", torch.empty(channels, device=META))
        self.register_buffer("running_var", torch.empty(channels, device=META))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each channel over the batch and space."""
        training = self.training and x.numel() > x.shape[1]
        self._batches += training
        share = 1 / min(max(self._batches, 1), WINDOW)
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, training, share, self.eps)


class LayerNorm(Undrawn, nn.LayerNorm):
    """Layer norm over the second axis alone: over the channels at each place, or over features."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each place of each example."""
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class ExampleNorm(nn.Module):
    """Each channel of each example less its mean over space, over its deviation there."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``(n, channels, ...)``."""
        return F.instance_norm(x)
