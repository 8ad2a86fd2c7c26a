from dataclasses import replace

import numpy as np
import pytest

from client_app import jobs
from client_app.jobs import do_jobs
from client_app.node import Node
from common.architecture.initial import initial_weights
from common.architecture.operations import Conv1d, Linear
from common.architecture.spec import ArchitectureSpec
from common.architecture.task import TaskShape
from common.data import Examples, Holder, load_node_data, load_node_test
from common.errors import ConfigError, DataError
from common.jobs import Action, Job, Order
from common.models.builder import build
from common.models.evaluation import evaluate
from common.seeding import generator
from common.settings import DatasetSettings, TrainingSettings

TASK = TaskShape((32,), 10)
SPEC = ArchitectureSpec((Linear(16, norm="none", dropout=0.2),))
WEIGHTS = initial_weights(SPEC, TASK, generator(0, "weights"))
DATA = DatasetSettings("synthetic")
NODE = Node("partition-1", Holder(1, 10))
ORDER = Order(seed=7, budget=60.0, task=TASK, dataset=DATA, training=TrainingSettings(), jobs=())


def job(trial: str = "trial-0001", action: Action = "train", number: int = 1, spec=SPEC, weights=WEIGHTS) -> Job:
    return Job(trial, action, number, spec, weights)


def results(*work: Job, node: Node = NODE, **changes):
    return do_jobs(replace(ORDER, jobs=work, **changes), node)


def test_training_returns_the_packed_state_and_the_loss():
    (result,) = results(job())
    assert (result.trial, result.action, result.round, result.status) == ("trial-0001", "train", 1, "done")
    assert result.num_examples == len(load_node_data(DATA, NODE.holder, 7).train)
    assert result.update is not None
    assert (result.update.shape, result.update.dtype) == (WEIGHTS.shape, np.float32)
    assert (result.update != WEIGHTS).any()
    assert list(result.metrics) == ["loss"]
    assert 0 < result.metrics["loss"] < 5
    assert result.seconds > 0


def test_training_leaves_the_received_weights_alone():
    weights = WEIGHTS.copy()
    results(job(weights=weights))
    assert np.array_equal(weights, WEIGHTS)


def test_scores_are_those_of_the_received_weights_on_the_validation_split():
    (result,) = results(job(action="score"))
    validation = load_node_data(DATA, NODE.holder, 7).validation
    assert (result.status, result.num_examples, result.update) == ("done", len(validation), None)
    assert result.metrics == evaluate(build(SPEC, TASK, WEIGHTS), validation)


def test_a_node_that_never_trains_is_scored_on_all_but_the_test_split():
    (result,) = results(job(action="score_all"))
    data = load_node_data(DATA, NODE.holder, 7)
    assert (result.status, result.num_examples) == ("done", len(data.train) + len(data.validation))
    model = build(SPEC, TASK, WEIGHTS)
    parts = [(evaluate(model, part)["accuracy"], len(part)) for part in (data.train, data.validation)]
    expected = sum(accuracy * size for accuracy, size in parts) / result.num_examples
    assert result.metrics["accuracy"] == pytest.approx(expected)


def test_a_test_job_opens_the_test_split():
    (result,) = results(job(action="test"))
    test = load_node_test(DATA, NODE.holder, 7)
    assert test is not None
    assert (result.status, result.num_examples) == ("done", len(test))
    assert result.metrics == evaluate(build(SPEC, TASK, WEIGHTS), test)


def test_no_other_job_opens_the_test_split(monkeypatch: pytest.MonkeyPatch):
    opened = []
    monkeypatch.setattr(jobs, "load_node_test", lambda *asked: opened.append(asked))
    results(job("a", "train"), job("b", "score"), job("c", "score_all"))
    assert opened == []
    results(job("c", "test"))
    assert opened == [(DATA, NODE.holder, 7, ())]


def test_a_node_without_a_test_split_fails_the_test():
    (result,) = results(
        Job("t", "test", 1, ArchitectureSpec(), np.zeros(650, np.float32)),  # 64 pixels x 10 classes + 10
        dataset=DatasetSettings("digits", test_fraction=0.0),
        task=TaskShape((1, 8, 8), 10),
    )
    assert (result.status, result.reason[:32]) == ("failed", "This node has no test split. Tes")


def test_jobs_are_done_in_order():
    done = results(job("b"), job("c", "score"), job("a"))
    assert [(result.trial, result.action) for result in done] == [("b", "train"), ("c", "score"), ("a", "train")]


def test_the_same_job_gives_the_same_bits_wherever_it_stands():
    alone = results(job("a"))[0]
    among = results(job("b"), job("c", "score"), job("a"))[2]
    assert alone.update.tobytes() == among.update.tobytes()
    assert alone.metrics == among.metrics


@pytest.mark.parametrize("changes", [{"number": 2}, {"trial": "trial-0002"}], ids=["round", "trial"])
def test_batches_and_dropout_change_with_the_round_and_the_trial(changes: dict[str, object]):
    assert (results(job())[0].update != results(job(**changes))[0].update).any()


def test_batches_and_dropout_change_with_the_name_of_the_node():
    first = results(job())[0].update
    assert np.array_equal(first, results(job(), node=Node("partition-1", NODE.holder))[0].update)
    assert (first != results(job(), node=Node("attic", NODE.holder))[0].update).any()


BROKEN = {
    "NaN weights": (job(weights=np.full_like(WEIGHTS, np.nan)), "must be finite"),
    "infinite weights": (job(action="score", weights=np.full_like(WEIGHTS, np.inf)), "must be finite"),
    "too few weights": (job(weights=WEIGHTS[:-1]), f"{len(WEIGHTS)} numbers"),
    "another task's spec": (job(spec=ArchitectureSpec((Conv1d(4),))), "Layer 0"),
    "outputs overflow": (job(action="score", weights=np.full_like(WEIGHTS, 3e38)), "outputs must be finite"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_job_that_cannot_be_done_fails_and_the_next_goes_on(case: str):
    broken, reason = BROKEN[case]
    failed, done = results(replace(broken, trial="broken"), job())
    assert (failed.status, failed.update, failed.num_examples, dict(failed.metrics)) == ("failed", None, 0, {})
    assert reason in failed.reason
    assert "\n" not in failed.reason
    assert done.status == "done"


def test_weights_beyond_half_precision_fail_with_the_way_out():
    beyond = WEIGHTS + np.float32(70_000)
    failed, done = results(job("a", "score", weights=beyond), job("b", "score"), precision="float16")
    assert failed.status == "failed"
    assert failed.reason.startswith("The weights of a job must be finite numbers in float16, and these are not.")
    assert "65,504" in failed.reason
    assert "federation.precision=float32" in failed.reason
    assert done.status == "done"


def test_an_update_beyond_half_precision_fails_with_the_way_out():
    leap = TrainingSettings("sgd", 1e7, batch_size=10**6)  # one step, far away but finite
    (far,) = results(job(), training=leap)
    assert far.status == "done"
    assert np.abs(far.update).max() > 65_520
    (failed,) = results(job(), training=leap, precision="float16")
    assert (failed.status, failed.update) == ("failed", None)
    assert failed.reason.startswith("The trained weights must be finite numbers in float16")


def test_a_deployed_node_opens_no_file_that_an_order_names():
    with pytest.raises(ConfigError, match="opens no file that the server names"):
        results(job(), dataset=DatasetSettings("digits", "/etc/passwd"))


def test_training_that_diverges_fails_without_an_update():
    failed, done = results(job("a", weights=np.full_like(WEIGHTS, 3e38)), job("b", "score"))
    assert (failed.status, failed.update) == ("failed", None)
    assert failed.reason.startswith("Training diverged")
    assert done.status == "done"


def test_weights_that_overflow_in_the_last_step_are_no_update():
    # one batch: its loss is taken before the only step, so the loss is finite and the weights are not
    (failed,) = results(job(), training=TrainingSettings("sgd", 3e38, batch_size=10**6, weight_decay=1e3))
    assert (failed.status, failed.update) == ("failed", None)
    assert failed.reason.startswith("Training diverged")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("not enough memory: you tried to allocate 8 bytes\nat alloc_cpu.cpp"), "not enough memory: you"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_running_out_of_memory_fails_the_job_only(error: Exception, reason: str, monkeypatch: pytest.MonkeyPatch):
    def train(*_: object) -> float:
        raise error

    monkeypatch.setattr(jobs, "train", train)
    failed, done = results(job("a"), job("b", "score"))
    assert failed.status == "failed"
    assert failed.reason.startswith(f"This node could not compute the job: {reason}")
    assert "alloc_cpu" not in failed.reason
    assert done.status == "done"


def test_what_nobody_foresaw_is_not_hidden(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(jobs, "train", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        results(job())


def test_after_the_first_no_job_begins_once_the_budget_is_spent():
    first, second = results(job("a"), job("b", "score"), budget=0.0)
    assert first.status == "done"
    assert second.status == "unfinished"
    assert "budget of 0 s" in second.reason


def test_a_job_that_began_within_the_budget_is_finished(monkeypatch: pytest.MonkeyPatch):
    now = iter(range(100))
    monkeypatch.setattr(jobs.time, "perf_counter", lambda: float(next(now)))
    # the clock is read at the start (0), before job a (1), in it (2, 3), and before job b (4)
    first, second = results(job("a"), job("b"), budget=4.0)
    assert (first.status, first.seconds, second.status) == ("done", 1.0, "unfinished")


@pytest.mark.parametrize("task", [TaskShape((31,), 10), TaskShape((32, 1), 10), TaskShape((32,), 9)])
def test_other_data_than_agreed_refuse_the_order(task: TaskShape):
    with pytest.raises(DataError, match="All nodes must have examples of shape"):
        results(job(), task=task)


def test_a_node_may_lack_classes():
    spec = ArchitectureSpec()
    weights = initial_weights(spec, TaskShape((32,), 12), generator(0))
    work = (job("a", spec=spec, weights=weights), job("b", "score", spec=spec, weights=weights))
    assert [result.status for result in results(*work, task=TaskShape((32,), 12))] == ["done", "done"]


def test_settings_without_data_refuse_the_order():
    with pytest.raises(ConfigError, match="dataset must be one of"):
        results(job(), dataset=DatasetSettings("nothing"))


def test_shared_examples_survive_a_whole_order():
    data = load_node_data(DATA, NODE.holder, 7)
    before = [(part.x.copy(), part.y.copy()) for part in (data.train, data.validation)]
    results(job("a"), job("b", "score"), job("c"))
    for part, (x, y) in zip((data.train, data.validation), before, strict=True):
        assert isinstance(part, Examples)
        assert np.array_equal(part.x, x)
        assert np.array_equal(part.y, y)
