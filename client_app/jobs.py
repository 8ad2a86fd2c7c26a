"""Does the jobs of one order, one after the other."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import numpy as np

from client_app.capability import device, threads_for
from client_app.node import Node, check_data_source
from client_app.training import train
from common.architecture.cost import cost_of
from common.data import Examples, NodeData, load_node_data, load_node_test
from common.errors import DataError, FlwrNasError
from common.jobs import Job, Order, Result, Status
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
    data = load_node_data(order.dataset, node.holder, order.seed, order.classes)
    _check_agreed(order, data)
    results: list[Result] = []
    for job in order.jobs:
        spent = time.perf_counter() - begin
        if spent < order.budget or not results:
            results.append(_attempt(job, order, node, data))
        else:
            reason = f"The budget of {order.budget:g} s was spent before this job began"
            results.append(_result(job, "unfinished", reason))
    return tuple(results)


def _attempt(job: Job, order: Order, node: Node, data: NodeData) -> Result:
    begin = time.perf_counter()
    try:
        check_finite("The weights of a job", job.weights, order.precision)
        result = _train(job, order, node, data.train) if job.action == "train" else _score(job, order, node, data)
    except FlwrNasError as error:
        result = _result(job, "failed", str(error))
    except (RuntimeError, MemoryError) as error:  # of torch; out of memory above all
        lines = str(error).splitlines() or [type(error).__name__]
        result = _result(job, "failed", f"This node could not compute the job: {lines[0]}")
    return replace(result, seconds=time.perf_counter() - begin)


def _train(job: Job, order: Order, node: Node, examples: Examples) -> Result:
    model = build(job.spec, order.task, job.weights, device())
    seed = child_seed(order.seed, "train", job.trial, job.round, node.name)
    with threads_for(cost_of(job.spec, order.task).macs * order.training.batch_size):
        loss = train(model, examples, order.training, seed)
    update = flat_state(model).cpu().numpy()
    if not math.isfinite(loss) or not np.isfinite(update).all():
        return _result(job, "failed", f"Training diverged (loss {loss:g}); a lower training.learning_rate may help")
    check_finite("The trained weights", update, order.precision)
    return replace(_result(job, "done"), num_examples=len(examples), metrics={"loss": loss}, update=update)


def _score(job: Job, order: Order, node: Node, data: NodeData) -> Result:
    if job.action == "test":
        examples = _test_split(order, node)
    else:
        examples = data.validation if job.action == "score" else _all(data)
    model = build(job.spec, order.task, job.weights, device())
    with threads_for(cost_of(job.spec, order.task).macs * len(examples)):
        metrics = evaluate(model, examples)
    return replace(_result(job, "done"), num_examples=len(examples), metrics=metrics)


def _all(data: NodeData) -> Examples:
    """Return what a node that never trains can be scored on."""
    parts = (data.train, data.validation)
    return Examples(np.concatenate([part.x for part in parts]), np.concatenate([part.y for part in parts]))


def _test_split(order: Order, node: Node) -> Examples:
    """Open the test split; no other action than ``test`` comes here."""
    examples = load_node_test(order.dataset, node.holder, order.seed, order.classes)
    if examples is None:
        raise DataError("This node has no test split", fix="Test where the test data are: on the server")
    return examples


def _result(job: Job, status: Status, reason: str = "") -> Result:
    return Result(job.trial, job.action, job.round, status, reason)


def _check_agreed(order: Order, data: NodeData) -> None:
    """Raise unless the data fit the task; a node's own labels may lack some of the task's classes."""
    ours, agreed = data.task, order.task
    if ours.input_shape != agreed.input_shape or ours.num_classes > agreed.num_classes:
        raise DataError(
            f"All nodes must have examples of shape {agreed.input_shape} and at most {agreed.num_classes} classes",
            (ours.input_shape, ours.num_classes),
            fix="Give this node data of the same kind as the others'",
        )
