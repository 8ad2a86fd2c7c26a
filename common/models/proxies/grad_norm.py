"""The norm of the first gradient: M. S. Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021.

As in their code, the Euclidean norms of the gradients of all weights are added, those of biases and norms left out.
"""

from __future__ import annotations

import torch
from torch import nn

from common.models.proxies.network import Batch, matrices


def score(model: nn.Module, batch: Batch) -> float:
    """Return the sum over weights w of ||dL/dw||, for the mean loss L of the mini-batch; 0 without any."""
    if not (weights := matrices(model)):
        return 0.0
    loss = batch.loss(model(batch.x), batch.y)
    gradients = torch.autograd.grad(loss, weights, allow_unused=True)
    return float(sum(gradient.norm() for gradient in gradients if gradient is not None))
