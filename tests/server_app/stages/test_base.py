"""What a stage enters into its ledgers, driven without Flower."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from common.architecture.cost import cost_of
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.jobs import Result
from common.settings import TrainingSettings
from common.tasks import Classification, Task
from server_app.aggregation.fedavg import FedAvg
from server_app.blobs import Blobs
from server_app.journal import Journal
from server_app.objectives.accuracy import Accuracy
from server_app.placement.shared import Shared
from server_app.scoring import Scoring
from server_app.stages.final import Final
from server_app.weights.scratch import Scratch

TASK = Task((4,), Classification(3))
NODES = ["a", "b"]
WIDE = LayeredSpec((Linear(width=5, norm="none"),))
MACS, BYTES = 4 * 5 + 5 * 3, 4 * (4 * 5 + 5 + 5 * 3 + 3)
"""Of a hidden layer of 5 and a classifier of 3, on 4 features."""
TRAIN, TEST = {"a": 10, "b": 30}, {"a": 2, "b": 3}


def make(blobs):
    final = Final(
        seed=1,
        deadline=10.0,
        candidates={"winner": (WIDE, TrainingSettings(epochs=3))},
        rounds=2,
        placement=Shared(1, 1, Shared.Options()),
        weights=Scratch(TASK, 1, FedAvg, blobs),
        objectives=Accuracy(TASK.head),
        scoring=Scoring("test", min_nodes=1),
        cost=lambda spec: cost_of(spec.lower(TASK)),
        journal=Journal(),
        held=lambda node, split: {"train": TRAIN, "test": TEST}[split][node],
    )
    final.begin(NODES)
    return final


def answer(node, job):
    if job.work.kind == "train":
        return Result(job.id, "done", "", TRAIN[node], {"loss": 1.0}, 0.1, {"weights": job.arrays["weights"] + 1})
    return Result(job.id, "done", "", TEST[node], {"accuracy": 0.5, "loss": 1.0}, 0.1)


def exchange(final, respond=answer):
    final.refill(NODES)
    for node, jobs in final.dispatch(NODES, 0.0).items():
        for job in jobs:
            final.take(node, job, respond(node, job))
    final.settle()


def test_training_counts_its_examples_once_an_epoch_and_a_score_once():
    final = make(Blobs(None))
    for _ in range(2):
        exchange(final)
    ledger = final.trials[0].ledger
    assert ledger.mac_examples == 2 * MACS * 3 * (10 + 30)
    exchange(final)
    assert final.done
    assert ledger.mac_examples == 2 * MACS * 3 * (10 + 30) + MACS * (2 + 3)
    assert ledger.node_seconds == pytest.approx(6 * 0.1)
    assert (ledger.bytes_down, ledger.bytes_up) == (6 * BYTES, 4 * BYTES)


@pytest.mark.parametrize("change", [{"status": "failed"}, {"status": "unfinished"}, {"num_examples": 31}])
def test_what_was_not_done_or_is_claimed_only_does_not_count(change):
    final = make(Blobs(None))
    exchange(final, lambda node, job: replace(answer(node, job), **(change if node == "b" else {})))
    assert final.trials[0].ledger.mac_examples == MACS * 3 * 10


def test_what_is_under_way_when_a_run_is_interrupted_counts_alike():
    final, other = make(blobs := Blobs(None)), make(blobs)
    exchange(final)
    other.load_state_dict(json.loads(json.dumps(final.state_dict())))
    other.begin(NODES)
    for _ in range(2):
        exchange(final)
        exchange(other)
    assert other.done
    assert other.trials[0].ledger == final.trials[0].ledger
