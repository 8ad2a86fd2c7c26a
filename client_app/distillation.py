"""Lets a network learn from a larger one's outputs, beside its labels.

In-place distillation, as in J. Yu & T. Huang, "Universally Slimmable Networks and Improved Training Techniques", ICCV
2019, section 3.3, with the labels kept, as in H. Cai et al., "Once-for-All", ICLR 2020: the loss is that of the labels
plus that of the larger network's outputs in their place. That network is as the message brought it, and is not trained
meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from common.models.norms import BatchNorm
from common.tasks import Head

Forward = Callable[[Tensor], Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]


def taught(model: nn.Module, teacher: nn.Module, head: Head, criterion: Loss) -> tuple[Forward, Loss]:
    """Return what takes the place of a model and of its loss, for one mini-batch after the other.

    Parameters
    ----------
    model, teacher : nn.Module
        Who learns, and from whom. The teacher's batch norms take the statistics of the mini-batch, for those that came
        with shared weights are those of many networks.
    head : Head
        What both give.
    criterion : Loss
        Of outputs and labels.
    """
    teacher.eval()
    for module in teacher.modules():
        if isinstance(module, BatchNorm):
            module.train()
    soft, given = head.loss(), torch.empty(0)

    def forward(x: Tensor) -> Tensor:
        nonlocal given
        with torch.no_grad():
            given = head.as_targets(teacher(x))
        outputs: Tensor = model(x)
        return outputs

    def loss(outputs: Tensor, y: Tensor) -> Tensor:
        return criterion(outputs, y) + soft(outputs, given)

    return forward, loss
