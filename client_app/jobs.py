"""Does the jobs of one order, one after the other."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import numpy as np
from torch import nn

from client_app.capability import device, threads_for
from client_app.node import Node, check_data_source
from client_app.training import train
from common.architecture.cost import cost_of
from common.data import Examples, NodeData, load_node_data, load_node_test
from common.errors import DataError, FlwrNasError
from common.jobs import Job, Order, Result, Split
from common.models.builder import build, flat_state
from common.models.evaluation import evaluate
from common.precision import check_finite
from common.seeding import child_seed


def do_jobs(order: Order, node: Node) -> tuple[Result, ...]:
    """Do the jobs of `order` until its budget is spent, the first one in any case.

    A job that cannot be done fails with its reason, and the next one goes on.

    Raises
    ------
    ConfigError, DataError
        No job can be done: the node has no data under these settings, or other data than was agreed.
    """
    begin = time.perf_counter()
    check_data_source(node, order.dataset)
    data = load_node_data(order.dataset, node.holder, order.seed, order.task.head)
    _check_agreed(order, data)
    order = replace(order, task=order.task.fitted(data.train.x))
    results: list[Result] = []
    for job in order.jobs:
        spent = time.perf_counter() - begin
        if spent < order.budget or not results:
            results.append(_attempt(job, order, node, data))
        else:
            reason = f"The budget of {order.budget:g} s was spent before this job began"
            results.append(Result(job.id, "unfinished", reason))
    return tuple(results)


def _attempt(job: Job, order: Order, node: Node, data: NodeData) -> Result:
    begin = time.perf_counter()
    try:
        for name, array in job.arrays.items():
            check_finite(f"The {name} of a job", array, order.precision)
        result = _done(job, order, node, data)
    except FlwrNasError as error:
        result = Result(job.id, "failed", str(error))
    except (RuntimeError, MemoryError) as error:  # of torch; out of memory above all
        lines = str(error).splitlines() or [type(error).__name__]
        result = Result(job.id, "failed", f"This node could not compute the job: {lines[0]}")
    return replace(result, seconds=time.perf_counter() - begin)


def _done(job: Job, order: Order, node: Node, data: NodeData) -> Result:
    if job.work.kind == "proxy":
        from client_app.proxies import score_by_proxies  # a node that trains does not pay for it

        return score_by_proxies(job, order, node, data.train)
    if job.work.kind == "bilevel":
        from client_app.bilevel import search

        return search(job, order, node, data.train)
    if job.work.kind == "personal":
        from client_app.personal import personalize

        return personalize(job, order, node, data)
    return _train(job, order, node, data.train) if job.work.kind == "train" else _score(job, order, node, data)


def _train(job: Job, order: Order, node: Node, examples: Examples) -> Result:
    work = job.work
    model = build(job.spec.lower(order.task), job.arrays["weights"], device())
    seed = child_seed(order.seed, "train", job.trial, work.round, node.name)
    with threads_for(cost_of(job.spec.lower(order.task)).macs * work.training.batch_size):
        settings = work.training.in_round(work.round, work.rounds)
        loss = train(model, examples, order.task.head, settings, seed, _teacher(job, order))
    update = flat_state(model).cpu().numpy()
    if not math.isfinite(loss) or not np.isfinite(update).all():
        reason = f"Training diverged (loss {loss:g}); a lower training.learning_rate may help"
        return Result(job.id, "failed", reason)
    check_finite("The trained weights", update, order.precision)
    return Result(job.id, "done", "", len(examples), {"loss": loss}, arrays={"weights": update})


def _teacher(job: Job, order: Order) -> nn.Module | None:
    """Return the network that a job learns from; None where it learns from none, or that is not in its message."""
    name = job.work.teacher
    found = next((other for other in order.jobs if name and other.trial == name and other.work.kind == "train"), None)
    return None if found is None else build(found.spec.lower(order.task), found.arrays["weights"], device())


def _score(job: Job, order: Order, node: Node, data: NodeData) -> Result:
    work, examples = job.work, _scored(job.work.split, order, node, data)
    model = build(job.spec.lower(order.task), job.arrays["weights"], device())
    with threads_for(cost_of(job.spec.lower(order.task)).macs * len(examples)):
        if work.calibration:
            from client_app.calibration import calibrate  # most scores do without

            seed = child_seed(order.seed, "calibration", job.trial, node.name)
            calibrate(model, data.train, work.calibration, work.training.batch_size, seed)
        seed = child_seed(order.seed, "bootstrap", node.name)
        metrics = evaluate(model, examples, order.task.head, work.threshold, work.bootstrap, seed)
    return Result(job.id, "done", "", len(examples), metrics)


def _scored(split: Split, order: Order, node: Node, data: NodeData) -> Examples:
    """Return what is scored; for a node that never trains, ``all`` is all but its test split."""
    if split == "test":
        return _test_split(order, node)
    if split == "all":
        parts = (data.train, data.validation)
        return Examples(np.concatenate([part.x for part in parts]), np.concatenate([part.y for part in parts]))
    return data.validation


def _test_split(order: Order, node: Node) -> Examples:
    """Open the test split; no other split than ``test`` comes here."""
    examples = load_node_test(order.dataset, node.holder, order.seed, order.task.head)
    if examples is None:
        raise DataError("This node has no test split", fix="Test where the test data are: on the server")
    return examples


def _check_agreed(order: Order, data: NodeData) -> None:
    """Raise unless the examples are what was agreed on; the labels were looked at as they were loaded."""
    if data.task.schema != order.task.schema:
        raise DataError(
            "All nodes must have the same schema as when the search began",
            fix="Give this node the schema that the others have, or start the search again",
        )
    ours, agreed = data.task.input_shape, order.task.input_shape
    if ours != agreed:
        raise DataError(
            f"All nodes must have examples of shape {agreed}",
            ours,
            fix="Give this node data of the same kind as the others'",
        )
