"""Which way architecture weights go: the gradients of a bilevel search, as functions of two losses.

One loss is on the examples that weights are trained on, the other on those that are the architecture's own. Each is a
function without arguments that does a forward pass where weights and architecture weights now stand, always on the same
mini-batch and, where there is noise, with the same noise.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from client_app.training import Tensors, gradients

Loss = Callable[[], Tensor]
Found = tuple[Tensor, Tensor]
"""A gradient by the architecture weights, and the architecture's loss."""

_REACH = 0.01
"""How far weights are moved for a finite difference, as DARTS has it (section 2.3, footnote 2)."""


def first_order(own: Loss, alphas: Tensor) -> Found:
    """Return the gradient of the architecture's loss where the weights stand.

    H. Liu, K. Simonyan & Y. Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, section 2.3, with xi = 0.
    One forward and backward pass on the architecture's mini-batch.
    """
    loss = own()
    (gradient,) = gradients(loss, (alphas,))
    return gradient, loss.detach()


def mixed_level(trained: Loss, own: Loss, alphas: Tensor, blend: float) -> Found:
    """Return the gradient of both losses together, the architecture's times `blend`.

    C. He, H. Ye, L. Shen & T. Zhang, "MiLeNAS: Efficient Neural Architecture Search via Mixed-Level Reformulation",
    CVPR 2020, equations 8 ff. One forward and backward pass on each of the two mini-batches.
    """
    gradient, loss = first_order(own, alphas)
    other, _ = first_order(trained, alphas)
    return other + blend * gradient, loss


def second_order(trained: Loss, own: Loss, alphas: Tensor, weights: Tensors, rate: float) -> Found:
    """Return the gradient of the architecture's loss where the weights would stand after one step.

    Liu, Simonyan & Yang (2019), equations 7 and 8: ``w' = w - xi dL/dw`` with the loss that weights are trained on, and
    for the product with its second derivatives the difference of two gradients, at ``w +- e dL'/dw'`` with
    ``e = 0.01 / |dL'/dw'|``. That step is always one of plain gradient descent; their code has its momentum and weight
    decay, too. Three forward and backward passes on the mini-batch that weights are trained on, one on the other.

    Parameters
    ----------
    trained, own : Loss
        Of the weights, and of the architecture.
    alphas : Tensor
        The architecture weights.
    weights : list of Tensor
        Moved on the way, and put back exactly.
    rate : float
        xi, the learning rate of the weights.
    """
    moved = [weight.detach() for weight in weights]
    before = [weight.clone() for weight in moved]
    torch._foreach_add_(moved, gradients(trained(), tuple(weights)), alpha=-rate)
    loss = own()
    gradient, *direction = gradients(loss, (alphas, *weights))
    length = float(torch.stack(torch._foreach_norm(direction)).norm())
    _put_back(moved, before)
    if length > 0:
        reach = _REACH / length
        torch._foreach_add_(moved, direction, alpha=reach)
        ahead, _ = first_order(trained, alphas)
        torch._foreach_add_(moved, direction, alpha=-2 * reach)
        behind, _ = first_order(trained, alphas)
        _put_back(moved, before)
        gradient = gradient - rate / (2 * reach) * (ahead - behind)
    return gradient, loss.detach()


def _put_back(weights: Tensors, before: Tensors) -> None:
    torch._foreach_copy_(weights, before)
