"""What is known of one tensor of a model before there is a model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

Shape: TypeAlias = tuple[int, ...]
MAX_NUMBERS = 2**31 - 1
"""Numbers of a tensor of one example, and of a packed state: 8 GiB, and the most that 32 bits with a sign count."""


@dataclass(frozen=True)
class TensorInfo:
    """One tensor of a model's state.

    Parameters
    ----------
    name : str
        As in torch's ``state_dict``.
    shape : Shape
        Axes as in torch.
    init : {"uniform", "ones", "zeros"}
        How it starts; ``uniform`` draws from U(-b, b) with b = 1 / sqrt(`fan_in`), torch's default.
    fan_in : int
        Inputs that meet in one output; 0 where nothing is drawn.
    trainable : bool
        False for buffers, which travel but get no gradient.
    """

    name: str
    shape: Shape
    init: Literal["uniform", "ones", "zeros"]
    fan_in: int = 0
    trainable: bool = True

    @property
    def size(self) -> int:
        """Numbers in the tensor."""
        return math.prod(self.shape)
