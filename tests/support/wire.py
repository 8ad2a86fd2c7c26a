"""An order, its results and a report, and what it takes to send them."""

from __future__ import annotations

import numpy as np
from flwr.app import RecordDict
from flwr.common.serde import recorddict_from_proto, recorddict_to_proto

from common.architecture.layout import layout, state_size
from common.architecture.operations import Conv1d, Linear
from common.architecture.spec import ArchitectureSpec
from common.architecture.task import TaskShape
from common.jobs import Job, NodeReport, Order, Result
from common.limits import NO_LIMITS, Limits
from common.settings import DatasetSettings, TrainingSettings
from common.wire.order import decode_order, encode_order
from common.wire.packing import pack

DIGEST = "d" * 64


SPECS = (ArchitectureSpec((Linear(8, dropout=0.1),)), ArchitectureSpec((Conv1d(4), Linear(8))))


LIMITS = Limits(max_parameters=10_000, max_memory_mb=512)


REPORT = NodeReport("attic", [9, 128], 2, 100, 25, 4, 8192, "cpu", ["sits", "walks"], 10**10, LIMITS)


def weights_of(seed: int, size: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=size).astype(np.float32)


TASK = TaskShape((9, 16), 6)


SIZES = tuple(state_size(layout(spec, TASK)) for spec in SPECS)


JOBS = (
    Job("trial-0001", "train", 1, SPECS[0], weights_of(1, SIZES[0])),
    Job("trial-0002", "train", 3, SPECS[1], weights_of(2, SIZES[1])),
    Job("trial-0003", "score", 9, SPECS[0], weights_of(3, SIZES[0])),
    Job("final-0001", "test", 9, SPECS[0], weights_of(4, SIZES[0])),
)


ORDER = Order(
    seed=2**62,
    budget=480.0,
    task=TASK,
    dataset=DatasetSettings("local", "har.npz", "natural", options={"num_classes": 6}),
    training=TrainingSettings("sgd", 0.05, momentum=0.9),
    jobs=JOBS,
    classes=("A", "B", "C", "D", "E", "F"),
)


RESULTS = (
    Result("trial-0001", "train", 1, "done", "", 100, {"loss": 0.5}, 1.5, weights_of(5)),
    Result("trial-0002", "train", 3, "failed", "Training diverged.", seconds=0.25),
    Result("trial-0003", "score", 9, "done", "", 25, {"loss": 0.75, "accuracy": 0.5}, 0.125),
    Result("final-0001", "test", 9, "unfinished", "The budget was spent."),
)


def over_the_wire(content: RecordDict) -> RecordDict:
    return recorddict_from_proto(recorddict_to_proto(content))


def encoded(order: Order = ORDER) -> RecordDict:
    return encode_order(DIGEST, order, {job.trial: pack(job.weights, order.precision) for job in order.jobs})


def decoded(content: RecordDict) -> Order:
    """Read an order none of whose jobs is refused."""
    order, refused = decode_order(content)
    assert refused == ()
    return order


def refused_jobs(content: RecordDict, limits: Limits = NO_LIMITS) -> dict[str, str]:
    """Return the reasons, by trial, for which jobs of an order are refused."""
    _, refused = decode_order(content, limits)
    assert {result.status for result in refused} <= {"refused"}
    return {result.trial: result.reason for result in refused}


def same(first: np.ndarray | None, second: np.ndarray | None) -> bool:
    if first is None or second is None:
        return first is second
    return first.dtype == second.dtype and np.array_equal(first, second)
