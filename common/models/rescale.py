"""Puts a model's scaled outputs into the units of what it was trained to tell."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Rescale(nn.Module):
    """Multiply by a scale and add a mean, for each output.

    Parameters
    ----------
    mean, scale : sequence of float
        One for each output.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Sequence[float], scale: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))

    def forward(self, outputs: Tensor) -> Tensor:
        """Return the outputs in their units."""
        return outputs * self.scale + self.mean
