"""An order, its results and a report, and what it takes to send them."""

from __future__ import annotations

import numpy as np
from flwr.app import RecordDict
from flwr.common.serde import recorddict_from_proto, recorddict_to_proto

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Conv1d, Linear
from common.architecture.layout import layout, state_size
from common.jobs import Arrays, Job, NodeReport, Order, Result, Work
from common.limits import NO_LIMITS, Limits
from common.preprocessing.base import Sums
from common.settings import DatasetSettings, PreprocessingSettings, TrainingSettings
from common.tasks import Classification, Task
from common.wire.arrays import Packer
from common.wire.order import decode_order, encode_order

DIGEST = "d" * 64


SPECS = (LayeredSpec((Linear(8, dropout=0.1),)), LayeredSpec((Conv1d(4), Linear(8))))


LIMITS = Limits(max_parameters=10_000, max_memory_mb=512)


REPORT = NodeReport(
    *("attic", [9, 128], Classification(2, ("sits", "walks")), 100, 25, 4, 8192, "cpu", 10**10, LIMITS),
    sums={"moments": Sums(100, {"count": (12_800.0,) * 9, "sum": (0.5,) * 9, "square": (2.0,) * 9})},
)

PREPROCESSING = PreprocessingSettings(min_examples=5)


def weights_of(seed: int, size: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=size).astype(np.float32)


TASK = Task((9, 16), Classification(6, ("A", "B", "C", "D", "E", "F")))


SIZES = tuple(state_size(layout(spec.lower(TASK))) for spec in SPECS)


RECIPES = (
    TrainingSettings("sgd", 0.05, momentum=0.9, schedule="cosine"),
    TrainingSettings(epochs=2, label_smoothing=0.1, augmentation=("jitter", "shift"), average=3),
)


SHARED = {"weights": weights_of(1, SIZES[0]), "alphas": weights_of(2, 3)}


JOBS = (
    Job("score-1", "trial-0001", SPECS[0], SHARED, Work("score", "validation", 2, RECIPES[0], 9)),
    Job("train-1", "trial-0001", SPECS[0], SHARED, Work("train", "train", 2, RECIPES[0], 9)),
    Job(
        "train-2",
        "trial-0002",
        SPECS[1],
        {"weights": weights_of(3, SIZES[1])},
        Work("train", "train", 3, RECIPES[1], 4),
    ),
    Job(
        "test-9", "final-0001", SPECS[0], {"weights": weights_of(4, SIZES[0])}, Work("score", "test", 9, RECIPES[0], 12)
    ),
)


SENT = 2 * SIZES[0] + SIZES[1] + 3
"""Numbers that an order of these jobs carries: the set that two of them share once."""


ORDER = Order(
    seed=2**62,
    budget=480.0,
    task=TASK,
    dataset=DatasetSettings("local", "har.npz", "natural", options={"num_classes": 6}),
    jobs=JOBS,
)


RESULTS = (
    Result("score-1", "done", "", 25, {"loss": 0.75, "accuracy": 0.5}, 0.125),
    Result("train-1", "done", "", 100, {"loss": 0.5}, 1.5, {"weights": weights_of(5), "alphas": weights_of(6, 3)}),
    Result("train-2", "failed", "Training diverged.", seconds=0.25),
    Result("test-9", "unfinished", "The budget was spent."),
)


def over_the_wire(content: RecordDict) -> RecordDict:
    return recorddict_from_proto(recorddict_to_proto(content))


def encoded(order: Order = ORDER) -> RecordDict:
    return encode_order(DIGEST, order, Packer(order.precision))


def decoded(content: RecordDict) -> Order:
    """Read an order none of whose jobs is refused."""
    order, refused = decode_order(content)
    assert refused == ()
    return order


def refused_jobs(content: RecordDict, limits: Limits = NO_LIMITS) -> dict[str, str]:
    """Return the reasons, by job, for which jobs of an order are refused."""
    _, refused = decode_order(content, limits)
    assert {result.status for result in refused} <= {"refused"}
    return {result.job: result.reason for result in refused}


def same(first: Arrays, second: Arrays) -> bool:
    """Tell whether two sets of arrays are equal, bit for bit."""
    return first.keys() == second.keys() and all(
        first[name].dtype == second[name].dtype and np.array_equal(first[name], second[name]) for name in first
    )
