"""A node scores specs without training them: on which examples, with which weights, and what it tells."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from client_app.jobs import do_jobs
from client_app.node import Node
from client_app.proxies import mini_batch
from common.architecture.initial import initial_weights
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Conv1d, Linear
from common.architecture.spec import ArchitectureSpec
from common.data import Holder, load_node_data
from common.errors import DataError
from common.jobs import NO_ARRAYS, Job, Order, Result, Work
from common.models.proxies import OF_NETWORK
from common.models.proxies import network as networks
from common.models.proxies.network import Batch, network_scores
from common.seeding import generator
from common.settings import DatasetSettings, TrainingSettings
from common.tasks import Classification, Task

TASK = Task((32,), Classification(10))
SPECS = [LayeredSpec((Linear(width),)) for width in (4, 8, 16)]
NODE = Node("attic", Holder(1, 10))
ORDER = Order(seed=7, budget=60.0, task=TASK, dataset=DatasetSettings("synthetic"), jobs=())
EXAMPLES = load_node_data(ORDER.dataset, NODE.holder, ORDER.seed).train


def job(spec: ArchitectureSpec, batch_size: int = 32) -> Job:
    work = Work("proxy", "train", 0, TrainingSettings(batch_size=batch_size))
    return Job(spec.id, "proxy-0000", spec, NO_ARRAYS, work)


def results(*jobs: Job, node: Node = NODE, **changes) -> tuple[Result, ...]:
    return do_jobs(replace(ORDER, jobs=jobs, **changes), node)


def test_each_spec_has_one_number_a_score_and_nothing_else_is_told():
    for result in results(*map(job, SPECS)):
        assert (result.status, result.reason, result.num_examples, result.arrays) == ("done", "", 32, {})
        assert set(result.metrics) == set(OF_NETWORK)
        assert all(map(math.isfinite, result.metrics.values()))


def test_scores_are_those_of_initial_weights_that_every_node_draws_alike():
    graph = SPECS[1].lower(TASK)
    weights = initial_weights(graph, generator(7, "proxy", SPECS[1].id))
    batch = Batch.of(mini_batch(ORDER, NODE, EXAMPLES, 32), TASK.head)
    assert results(job(SPECS[1]))[0].metrics == network_scores(graph, weights, batch)
    other = Node("cellar", Holder(2, 10))
    ours, theirs = (results(job(SPECS[1]), node=node)[0].metrics for node in (NODE, other))
    assert ours["synflow"] == theirs["synflow"]  # of the weights alone
    assert ours["grad_norm"] != theirs["grad_norm"]


def test_scores_are_the_same_again_whatever_else_is_in_the_message():
    alone = results(job(SPECS[2]))[0].metrics
    assert results(*map(job, SPECS))[2].metrics == alone
    assert results(*map(job, reversed(SPECS)))[0].metrics == alone


def test_another_seed_of_the_run_draws_other_weights():
    assert results(job(SPECS[0]))[0].metrics["synflow"] != results(job(SPECS[0]), seed=8)[0].metrics["synflow"]


def test_the_mini_batch_holds_different_examples_of_the_node_and_changes_with_its_name_only():
    first = mini_batch(ORDER, NODE, EXAMPLES, 16)
    assert len(np.unique(first.x, axis=0)) == 16
    assert {row.tobytes() for row in first.x} <= {row.tobytes() for row in EXAMPLES.x}
    assert np.array_equal(mini_batch(ORDER, NODE, EXAMPLES, 16).x, first.x)
    assert not np.array_equal(mini_batch(ORDER, Node("cellar", NODE.holder), EXAMPLES, 16).x, first.x)


def test_a_node_with_fewer_examples_than_a_mini_batch_takes_all():
    few = EXAMPLES.take(np.arange(12))
    assert sorted(map(bytes, mini_batch(ORDER, NODE, few, 32).x)) == sorted(map(bytes, few.x))


@pytest.mark.parametrize("case", ["few examples", "a small mini-batch"])
def test_a_mini_batch_below_the_floor_is_refused(case: str):
    examples, size = (EXAMPLES.take(np.arange(9)), 32) if case == "few examples" else (EXAMPLES, 9)
    with pytest.raises(DataError, match=r"needs 10 examples \(preprocessing.min_examples\), got 9"):
        mini_batch(ORDER, NODE, examples, size)
    assert len(mini_batch(replace(ORDER, min_examples=9), NODE, examples, size)) == 9


def test_the_floor_fails_the_jobs_with_the_way_out():
    (result,) = results(job(SPECS[0], batch_size=4))
    assert (result.status, result.metrics) == ("failed", {})
    assert "Raise training.batch_size" in result.reason


def test_a_spec_that_cannot_be_built_fails_alone():
    failed, done = results(job(LayeredSpec((Conv1d(4),))), job(SPECS[0]))
    assert (failed.status, done.status) == ("failed", "done")
    assert "Layer 0" in failed.reason


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 1e31, -1e31])
def test_a_score_that_is_no_number_to_send_is_left_out_and_said(value: float, monkeypatch: pytest.MonkeyPatch):
    scores = {"synflow": value, "grad_norm": 1.0, "naswot": 2.0}
    monkeypatch.setattr(networks, "_score", lambda name: lambda *_: scores[name])
    (result,) = results(job(SPECS[0]))
    assert (result.status, result.metrics) == ("done", {"grad_norm": 1.0, "naswot": 2.0})
    assert result.reason == "Not finite, and left out: synflow"


def test_the_budget_ends_proxy_jobs_as_any_others():
    first, second = results(*map(job, SPECS[:2]), budget=0.0)
    assert (first.status, second.status) == ("done", "unfinished")
