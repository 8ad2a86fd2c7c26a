"""How the tensors of an operation are written from those of the old one that it comes from.

Which axis of a tensor counts what is a property of the operation; the table here says it for each that has tensors.
One that has none there keeps what it was given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.architecture.operations import (
    BatchNorm,
    Bias,
    Convolution,
    GroupNorm,
    LayerNorm,
    Linear,
    Operation,
)
from server_app.transfer.axes import AXES
from server_app.transfer.channels import Array, Map, covers, keeps_groups, shares, window


@dataclass(frozen=True)
class Twin:
    """A new operation with its tensors, and the old one that it comes from.

    Parameters
    ----------
    operation, old_operation : Operation
        Of one kind.
    tensors, old_tensors : mapping of str to Array
        By their names in the operation; those of the new one are written.
    channels : Map
        For each channel that the new one reads, that of the old one.
    outputs : Map
        The same for what they give.
    read, given : int
        Channels that the old one reads and gives.
    """

    operation: Operation
    old_operation: Operation
    tensors: Mapping[str, Array]
    old_tensors: Mapping[str, Array]
    channels: Map
    outputs: Map
    read: int
    given: int

    def write(self, rng: np.random.Generator) -> bool:
        """Write the new tensors; return whether the new operation does what the old one did.

        That is: where each channel that it reads has the value of the old one, so has each that it gives.
        """
        for name, axes in AXES.get(self.operation.op, {}).items():
            if name not in self.tensors:
                continue
            if name in self.old_tensors:
                self._write(name, axes, rng)
            else:  # a bias that is new
                self.tensors[name].fill(0)
        return self._is_exact()

    def _write(self, name: str, axes: tuple[str, ...], rng: np.random.Generator) -> None:
        new, old = self.tensors[name], self.old_tensors[name]
        rows = self.outputs
        if axes[0] == "three out":
            rows = np.concatenate([np.where(rows < 0, -1, rows + part * self.given) for part in range(3)])
        known = rows >= 0
        block = old[rows[known]].astype(np.float64)
        if len(axes) > 1 and not self._is_depthwise:
            columns = self.channels if axes[1] == "in" else self.outputs
            weights = shares(columns, len(block), rng)
            block = block[:, np.maximum(columns, 0)] * weights.reshape(*weights.shape, *[1] * (block.ndim - 2))
        new[known] = self._windowed(block, new.shape[len(axes) :])

    def _windowed(self, block: Array, extents: tuple[int, ...]) -> Array:
        """Return a block of kernels with their places where they are in the new window, and zeros beside them."""
        if not extents:
            return block
        axes = len(extents)
        places, old_places, _ = self._window
        whole = np.zeros((*block.shape[:-axes], *extents))
        at: tuple[Any, ...] = np.ix_(*[places] * axes)
        old_at: tuple[Any, ...] = np.ix_(*[old_places] * axes)
        whole[(..., *at)] = block[(..., *old_at)]
        return whole

    @property
    def _is_depthwise(self) -> bool:
        return isinstance(self.operation, Convolution) and self.operation.depthwise

    @property
    def _window(self) -> tuple[Map, Map, bool]:
        new, old = self.operation, self.old_operation
        assert isinstance(new, Convolution)
        assert isinstance(old, Convolution)
        return window(new.kernel, new.dilation, old.kernel, old.dilation)

    @property
    def _lost(self) -> bool:
        """Whether a bias, a step or a place in the window is lost, of a linear map or convolution."""
        bias = "bias" in self.old_tensors and "bias" not in self.tensors
        new, old = self.operation, self.old_operation
        if isinstance(new, Convolution) and isinstance(old, Convolution):
            return bias or new.stride != old.stride or not self._window[2]
        return bias

    def _is_exact(self) -> bool:
        """Tell whether what enters as it did leaves as it did."""
        new, old = self.operation, self.old_operation
        if isinstance(new, LayerNorm):
            return keeps_groups(self.channels, 1, self.read, 1)
        if isinstance(new, GroupNorm) and isinstance(old, GroupNorm):
            return keeps_groups(self.channels, new.groups, self.read, old.groups)
        lost = isinstance(new, Linear | Convolution) and self._lost
        if lost or isinstance(new, Bias | BatchNorm) or self._is_depthwise:
            return not lost
        if new.op == "self_attention":
            return new == old and np.array_equal(self.channels, np.arange(self.read))
        return covers(self.channels, self.read) and (new.op != "gru" or covers(self.outputs, self.given))


def write_identity(tensors: Mapping[str, Array], channels: Map) -> None:
    """Let a linear map or convolution give the channels that it reads, as Net2DeeperNet does (section 2.3).

    Parameters
    ----------
    tensors : mapping of str to Array
        Its weight ``(outputs, inputs, *kernel)``, or ``(channels, 1, *kernel)`` where it is depthwise, and bias.
    channels : Map
        Which input each output is.
    """
    for tensor in tensors.values():
        tensor.fill(0)
    weight = tensors["weight"]
    centre = tuple(extent // 2 for extent in weight.shape[2:])
    columns = channels if weight.shape[1] > 1 else np.zeros_like(channels)
    weight[(np.arange(len(weight)), columns, *centre)] = 1


def write_zeros(tensors: Mapping[str, Array]) -> None:
    """Let a map or a norm give nothing but zeros: its weight and bias are 0."""
    for name in ("weight", "bias"):
        if name in tensors:
            tensors[name].fill(0)
