"""Scores a model on examples; the nodes do, and the server where it holds a test set."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from common.architecture.memory import SCORING_BATCH
from common.data.base import Examples
from common.seeding import generator
from common.tasks import Head


def evaluate(
    model: nn.Module,
    examples: Examples,
    head: Head,
    threshold: float | None = None,
    replicates: int = 0,
    seed: int = 0,
) -> dict[str, float]:
    """Return the scores that `Head.metrics` gives.

    Parameters
    ----------
    model : nn.Module
        Scored in evaluation mode, then put back into the mode it was in.
    examples : Examples
        At least one.
    head : Head
        What the model's outputs are.
    threshold : float, optional
        As of `Head.metrics`.
    replicates, seed : int
        With replicates above 0 there is a standard error too, by `common.tasks.bootstrap` with so many draws.

    Raises
    ------
    DataError
        There are no examples, or the model diverged.
    """
    device = next(model.parameters()).device
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            starts = range(0, len(examples), SCORING_BATCH)
            batches = (torch.from_numpy(examples.x[start : start + SCORING_BATCH]).to(device) for start in starts)
            outputs = [model(batch).cpu().numpy() for batch in batches]
    finally:
        model.train(training)
    joined = np.concatenate(outputs or [np.empty((0, 0), np.float32)])
    metrics = head.metrics(joined, examples.y, threshold)
    if not replicates:
        return metrics
    from common.tasks.bootstrap import bootstrap_error  # most scores do without

    return {**metrics, **bootstrap_error(head, joined, examples.y, replicates, generator(seed))}
