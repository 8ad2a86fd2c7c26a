"""Norms without scale and shift, for networks of all options: a learnt scale of an option would undo its share.

H. Liu, K. Simonyan & Y. Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, appendix A.1: learnable affine
parameters are disabled during the search, to avoid rescaling what candidate operations give.
"""

from __future__ import annotations

from typing import ClassVar

from common.architecture.operations.norms import BatchNorm, GroupNorm, LayerNorm
from common.architecture.tensors import Shape, TensorInfo


class PlainGroupNorm(GroupNorm):
    """Group norm without scale and shift."""

    op: ClassVar[str] = "plain_group_norm"

    def tensors(self, *inputs: Shape) -> tuple[TensorInfo, ...]:  # noqa: ARG002
        """Return nothing."""
        return ()

    def family(self, *inputs: Shape) -> str:  # noqa: ARG002
        """Return that with scale and shift."""
        return GroupNorm.op


class PlainLayerNorm(LayerNorm):
    """Layer norm without scale and shift."""

    op: ClassVar[str] = "plain_layer_norm"

    def tensors(self, *inputs: Shape) -> tuple[TensorInfo, ...]:  # noqa: ARG002
        """Return nothing."""
        return ()

    def family(self, *inputs: Shape) -> str:  # noqa: ARG002
        """Return that with scale and shift."""
        return LayerNorm.op


class PlainBatchNorm(BatchNorm):
    """Batch norm without scale and shift."""

    op: ClassVar[str] = "plain_batch_norm"

    def tensors(self, *inputs: Shape) -> tuple[TensorInfo, ...]:
        """Return running mean and running variance ``(channels,)``."""
        return tuple(tensor for tensor in super().tensors(*inputs) if not tensor.trainable)

    def family(self, *inputs: Shape) -> str:  # noqa: ARG002
        """Return that with scale and shift."""
        return BatchNorm.op
