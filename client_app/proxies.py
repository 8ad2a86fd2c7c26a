"""Scores a spec without training it, on one mini-batch of the node's own.

All specs that a node scores in a run are scored on the same mini-batch, and all nodes score a spec with the same
initial weights, which they draw themselves. So no weights travel, and of its data a node tells one number for each spec
and score.
"""

from __future__ import annotations

import math

from client_app.capability import device, threads_for
from client_app.node import Node
from common.architecture.cost import cost_of
from common.architecture.initial import initial_weights
from common.data import Examples
from common.errors import DataError
from common.jobs import Job, Order, Result
from common.models.proxies.network import Batch, network_scores
from common.seeding import generator
from common.wire.fields import MAX_METRIC


def score_by_proxies(job: Job, order: Order, node: Node, examples: Examples) -> Result:
    """Return the scores of a job's spec, and the reason where some are left out.

    Parameters
    ----------
    job : Job
        Of kind ``proxy``.
    order : Order
        Whose seed draws the mini-batch and the weights, and which says how few examples are too few.
    node : Node
        Whose name the mini-batch is drawn for.
    examples : Examples
        Its training examples.

    Raises
    ------
    DataError
        The mini-batch would have too few examples.
    """
    batch = mini_batch(order, node, examples, job.work.training.batch_size)
    graph = job.spec.lower(order.task)
    weights = initial_weights(graph, generator(order.seed, "proxy", job.spec.id))
    with threads_for(cost_of(graph).macs * len(batch)):
        scores = network_scores(graph, weights, Batch.of(batch, order.task.head, device()), device())
    kept = {name: value for name, value in scores.items() if math.isfinite(value) and abs(value) <= MAX_METRIC}
    return Result(job.id, "done", _left_out([name for name in scores if name not in kept]), len(batch), kept)


def mini_batch(order: Order, node: Node, examples: Examples, size: int) -> Examples:
    """Draw a node's mini-batch, the same for all specs of a run; raises `DataError` where it would be too small."""
    size = min(size, len(examples))
    if size < order.min_examples:
        raise DataError(
            f"A mini-batch that is scored by proxies needs {order.min_examples} examples (preprocessing.min_examples)",
            size,
            fix="Raise training.batch_size, or leave out nodes with so few",
        )
    return examples.take(generator(order.seed, "proxy", node.name).permutation(len(examples))[:size])


def _left_out(names: list[str]) -> str:
    return f"Not finite, and left out: {', '.join(names)}" if names else ""
