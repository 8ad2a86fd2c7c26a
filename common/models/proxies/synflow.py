"""How much flows through an untrained network: synflow.

H. Tanaka et al., "Pruning Neural Networks without Any Data by Iteratively Conserving Synaptic Flow", NeurIPS 2020; as a
score of whole networks in M. S. Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021.

    R = 1^T (product over layers of |W|) 1,    score = log of the sum over weights w of  |w dR/dw|

R is what comes out for an input of ones where all weights are positive and all layers linear. So biases are 0,
activations, norms, positions and the scaling of inputs pass on what they get, and features of energies, which are
logarithms, pass on the mean of their channel. Gates stay, those of a GRU too, through which dR/dw may be negative. All
is computed in float64. The logarithm ranks networks alike, and stays small: R grows exponentially with depth.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from common.models.attention import Positions
from common.models.norms import BatchNorm, ExampleNorm, GroupNorm, LayerNorm
from common.models.operations import GlobalPool, LogEnergy, Standardise
from common.models.proxies.network import Batch, matrices
from common.models.proxies.units import UNITS

_PASSING_ON = (*UNITS, BatchNorm, ExampleNorm, GroupNorm, LayerNorm, Positions, Standardise)


def score(model: nn.Module, batch: Batch) -> float:
    """Return the logarithm of the synaptic flow; of the mini-batch only the shape counts. -inf where nothing flows."""
    model.double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.abs() if parameter.ndim > 1 else torch.zeros_like(parameter))
    for module in model.modules():
        if (linear := _linear(module)) is not None:
            module.forward = linear
    if not (weights := matrices(model)):
        return -math.inf
    flow = model(torch.ones_like(batch.x[:1], dtype=torch.float64)).sum()
    gradients = torch.autograd.grad(flow, weights, allow_unused=True)
    pairs = zip(weights, gradients, strict=True)
    total = sum(float((weight.detach() * gradient).abs().sum()) for weight, gradient in pairs if gradient is not None)
    return math.log(total) if total > 0 else -math.inf


def _linear(module: nn.Module) -> Callable[[Tensor], Tensor] | None:
    """Return what takes the place of what a module does; None where it stays as it is."""
    if isinstance(module, LogEnergy):
        return lambda x: x.mean(2).repeat_interleave(2 + module.bands, 1)
    if isinstance(module, GlobalPool) and module.how == "log_std":
        return lambda x: x.flatten(2).mean(2)
    return _pass_on if isinstance(module, _PASSING_ON) else None


def _pass_on(x: Tensor) -> Tensor:
    return x
