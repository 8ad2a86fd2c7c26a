"""The torch side of a network of all options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn


class Mix(nn.Module):
    """The sum of its inputs, each times its share.

    Parameters
    ----------
    place : str
        Whose options the inputs are.
    options : int
        How many have a share.
    inputs : sequence of int
        Which of the options each input is.

    Attributes
    ----------
    shares : sequence of Tensor
        One scalar for each input. At first all options are alike, in tensors that ask for gradients, as in a step of
        the architecture.
    """

    def __init__(self, place: str, options: int, inputs: Sequence[int]) -> None:
        super().__init__()
        self.place = place
        self._inputs = tuple(inputs)
        alike = torch.full((options,), 1 / options, device="cpu", requires_grad=True)
        self.take([alike[index] for index in range(options)])

    def take(self, shares: Sequence[Tensor]) -> None:
        """Take the shares of all options of the place."""
        self.shares = tuple(shares[index] for index in self._inputs)

    def forward(self, first: Tensor, *others: Tensor) -> Tensor:
        """Add one after the other."""
        total = first * self.shares[0]
        for share, other in zip(self.shares[1:], others, strict=True):
            total = torch.addcmul(total, other, share)
        return total


class Channels(nn.Module):
    """Some of the channels of ``(n, channels, ...)``, as a copy."""

    def __init__(self, first: int, count: int) -> None:
        super().__init__()
        self.first, self.count = first, count

    def forward(self, x: Tensor) -> Tensor:
        """Take them."""
        return x.narrow(1, self.first, self.count).contiguous()


class Shuffle(nn.Module):
    """The channels of ``(n, channels, ...)`` in another order: the first of each group, then the second ones."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        """Put them into that order."""
        n, channels, *extents = x.shape
        return x.reshape(n, self.groups, channels // self.groups, *extents).transpose(1, 2).flatten(1, 2)


def set_shares(model: nn.Module, shares: Mapping[str, Sequence[Tensor]]) -> None:
    """Give each mix of a model the shares of its place.

    Parameters
    ----------
    model : nn.Module
        Built from the graph of a mixed spec.
    shares : mapping of str to sequence of Tensor
        By place, a scalar for each option.
    """
    for module in model.modules():
        if isinstance(module, Mix):
            module.take(shares[module.place])
