"""Which axis of a tensor counts what: a property of the operation that it belongs to."""

from __future__ import annotations

from collections.abc import Mapping

from common.architecture.operations import BatchNorm, Bias, Convolution, GroupNorm, LayerNorm, Linear

_CHANNELS = ("out",)
_NORM = dict.fromkeys(("weight", "bias", "running_mean", "running_var"), _CHANNELS)
_LINEAR = {"weight": ("out", "in"), "bias": _CHANNELS}
AXES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    Linear.op: _LINEAR,
    Convolution.op: _LINEAR,
    Bias.op: {"bias": _CHANNELS},
    GroupNorm.op: _NORM,
    LayerNorm.op: _NORM,
    BatchNorm.op: _NORM,
    **dict.fromkeys(("plain_group_norm", "plain_layer_norm", "plain_batch_norm"), _NORM),
    "gru": {
        "weight_ih_l0": ("three out", "in"),
        "weight_hh_l0": ("three out", "state"),
        "bias_ih_l0": ("three out",),
        "bias_hh_l0": ("three out",),
    },
    "self_attention": {
        "project.weight": ("three out", "in"),
        "project.bias": ("three out",),
        "combine.weight": ("out", "state"),
        "combine.bias": _CHANNELS,
    },
}
"""By operation and tensor, what its first axes count: what it reads, what it gives ("three": three times over, one
after the other), and what it gave at the step before or keeps within; further axes are those of a window."""
