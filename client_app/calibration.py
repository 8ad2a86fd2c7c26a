"""Counts the statistics of batch norm anew, by this node's own examples.

Weights that are shared by many networks come with statistics that are those of none of them. J. Yu & T. Huang,
"Universally Slimmable Networks and Improved Training Techniques", ICCV 2019, section 3.2, count them before a network
is scored, and find that few examples do. Here each node does so for itself: its score is of the weights with its own
statistics, as in X. Li et al., "FedBN", ICLR 2021.
"""

from __future__ import annotations

from itertools import islice

import torch
from torch import nn

from common.data.base import Examples
from common.models.norms import BatchNorm
from common.seeding import generator


def calibrate(model: nn.Module, examples: Examples, batches: int, batch_size: int, seed: int) -> None:
    """Let the batch norms of a model see examples; nothing else of it changes, and without any nothing is done.

    Parameters
    ----------
    model : nn.Module
        Left in evaluation mode. It was built anew, so its norms have seen nothing yet.
    examples : Examples
        At least one; of training.
    batches, batch_size : int
        How many are seen at most, and how large they are; `WINDOW` of `common.architecture.operations.norms` count.
    seed : int
        Of their order.
    """
    model.eval()
    norms = [module for module in model.modules() if isinstance(module, BatchNorm)]
    if not norms or not batches:
        return
    device = next(model.parameters()).device
    order = generator(seed, "batches").permutation(len(examples))
    for norm in norms:
        norm.train()
    with torch.inference_mode():
        for start in islice(range(0, len(order), batch_size), batches):
            model(torch.from_numpy(examples.x[order[start : start + batch_size]]).to(device))
    model.eval()
