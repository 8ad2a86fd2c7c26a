"""Modules of torch that leave their tensors to the builder, which assigns views of one packed buffer."""

from __future__ import annotations

import torch
from torch import nn

META = torch.device("meta")
"""Where tensors are made that have a shape and no numbers yet."""


class Undrawn:
    """Leaves out torch's own initialisation: drawing first would cost more than building."""

    def reset_parameters(self) -> None:
        """Draw nothing."""


class Linear(Undrawn, nn.Linear):
    """``nn.Linear`` without a draw."""


class Conv1d(Undrawn, nn.Conv1d):
    """``nn.Conv1d`` without a draw."""


class Conv2d(Undrawn, nn.Conv2d):
    """``nn.Conv2d`` without a draw."""
