from dataclasses import replace

import numpy as np
import pytest

from client_app import jobs
from client_app.jobs import do_jobs
from client_app.node import Node
from client_app.training import train
from common.architecture.initial import initial_weights
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Conv1d, Linear
from common.architecture.spec import ArchitectureSpec
from common.data import Examples, Holder, load_node_data, load_node_test
from common.errors import ConfigError, DataError
from common.jobs import Job, Order, Split, Work
from common.models.builder import build, flat_state
from common.models.evaluation import evaluate
from common.seeding import child_seed, generator
from common.settings import DatasetSettings, TrainingSettings
from common.tasks import Classification, Task

TASK = Task((32,), Classification(10))
SPEC = LayeredSpec((Linear(16, norm="none", dropout=0.2),))
WEIGHTS = initial_weights(SPEC.lower(TASK), generator(0, "weights"))
DATA = DatasetSettings("synthetic")
NODE = Node("partition-1", Holder(1, 10))
ORDER = Order(seed=7, budget=60.0, task=TASK, dataset=DATA, jobs=())
RECIPE = TrainingSettings()


def job(
    trial: str = "trial-0001",
    split: Split = "train",
    number: int = 1,
    spec: ArchitectureSpec = SPEC,
    weights: np.ndarray = WEIGHTS,
    training: TrainingSettings = RECIPE,
    rounds: int = 1,
) -> Job:
    """Return what trains or scores, as the split says."""
    work = Work("train" if split == "train" else "score", split, number, training, rounds)
    return Job(f"{trial}/{split}", trial, spec, {"weights": weights}, work)


def results(*jobs: Job, node: Node = NODE, **changes):
    return do_jobs(replace(ORDER, jobs=jobs, **changes), node)


def update_of(*jobs: Job, node: Node = NODE, **changes) -> np.ndarray:
    """Return what the last of these jobs came to."""
    return results(*jobs, node=node, **changes)[-1].arrays["weights"]


def test_training_returns_the_packed_state_and_the_loss():
    (result,) = results(job())
    assert (result.job, result.status, result.reason) == ("trial-0001/train", "done", "")
    assert result.num_examples == len(load_node_data(DATA, NODE.holder, 7).train)
    assert list(result.arrays) == ["weights"]
    update = result.arrays["weights"]
    assert (update.shape, update.dtype) == (WEIGHTS.shape, np.float32)
    assert (update != WEIGHTS).any()
    assert list(result.metrics) == ["loss"]
    assert 0 < result.metrics["loss"] < 5
    assert result.seconds > 0


def test_training_leaves_the_received_weights_alone():
    weights = WEIGHTS.copy()
    results(job(weights=weights))
    assert np.array_equal(weights, WEIGHTS)


def test_scores_are_those_of_the_received_weights_on_the_validation_split():
    (result,) = results(job(split="validation"))
    validation = load_node_data(DATA, NODE.holder, 7).validation
    assert (result.status, result.num_examples, result.arrays) == ("done", len(validation), {})
    assert result.metrics == evaluate(build(SPEC.lower(TASK), WEIGHTS), validation, TASK.head)


def test_a_node_that_never_trains_is_scored_on_all_but_the_test_split():
    (result,) = results(job(split="all"))
    data = load_node_data(DATA, NODE.holder, 7)
    assert (result.status, result.num_examples) == ("done", len(data.train) + len(data.validation))
    model = build(SPEC.lower(TASK), WEIGHTS)
    parts = [(evaluate(model, part, TASK.head)["accuracy"], len(part)) for part in (data.train, data.validation)]
    expected = sum(accuracy * size for accuracy, size in parts) / result.num_examples
    assert result.metrics["accuracy"] == pytest.approx(expected)


def test_a_nodes_own_names_are_numbered_by_those_that_were_agreed_on(tmp_path):
    rows = [f"{index}.5,{-index},0.25,{('dog', 'bird')[index % 2]}" for index in range(40)]
    (tmp_path / "own.csv").write_text("\n".join(["a,b,c,label", *rows]))
    node = Node("attic", Holder(path=str(tmp_path / "own.csv")))
    task = Task((3,), Classification(3, ("bird", "cat", "dog")))
    weights = np.zeros(12, np.float32)  # 3 features x 3 classes, and 3 biases, the last of which is that of dogs
    weights[-1] = 1  # all are dogs: right for the half that are
    (result,) = results(job(split="validation", spec=LayeredSpec(), weights=weights), node=node, task=task)
    assert (result.status, result.metrics["accuracy"]) == ("done", 0.5)


def test_a_test_job_opens_the_test_split():
    (result,) = results(job(split="test"))
    test = load_node_test(DATA, NODE.holder, 7)
    assert test is not None
    assert (result.status, result.num_examples) == ("done", len(test))
    assert result.metrics == evaluate(build(SPEC.lower(TASK), WEIGHTS), test, TASK.head)


def test_no_other_job_opens_the_test_split(monkeypatch: pytest.MonkeyPatch):
    opened = []
    monkeypatch.setattr(jobs, "load_node_test", lambda *asked: opened.append(asked))
    results(job("a", "train"), job("b", "validation"), job("c", "all"))
    assert opened == []
    results(job("c", "test"))
    assert opened == [(DATA, NODE.holder, 7, TASK.head)]


def test_a_node_without_a_test_split_fails_the_test():
    (result,) = results(
        job(split="test", spec=LayeredSpec(), weights=np.zeros(650, np.float32)),  # 64 pixels x 10 classes + 10
        dataset=DatasetSettings("digits", test_fraction=0.0),
        task=Task((1, 8, 8), Classification(10)),
    )
    assert (result.status, result.reason[:32]) == ("failed", "This node has no test split. Tes")


def test_jobs_are_done_in_order():
    done = results(job("b"), job("c", "validation"), job("a"))
    assert [result.job for result in done] == ["b/train", "c/validation", "a/train"]


def test_a_trial_may_be_scored_and_trained_in_one_order():
    score, train = job(split="validation"), job()
    shared = replace(train, arrays=score.arrays)
    scored, trained, again = results(score, shared, replace(score, id="again"))
    assert [scored.job, trained.job, again.job] == ["trial-0001/validation", "trial-0001/train", "again"]
    assert scored.metrics == again.metrics == results(score)[0].metrics  # of the received weights, trained or not
    assert trained.arrays["weights"].tobytes() == update_of(train).tobytes()


def test_each_job_trains_by_its_own_recipe():
    slow, fast = TrainingSettings("sgd", 0.001), TrainingSettings("sgd", 0.1, epochs=3)
    first, second = results(job(training=slow), replace(job(training=fast), id="fast"))
    assert np.array_equal(first.arrays["weights"], update_of(job(training=slow)))
    assert np.array_equal(second.arrays["weights"], update_of(job(training=fast)))
    assert (first.arrays["weights"] != second.arrays["weights"]).any()


def test_the_learning_rate_is_that_of_the_round():
    recipe = TrainingSettings("sgd", 0.1, schedule="cosine")
    # in round 3 of 4 a cosine is half way down
    half = update_of(job(training=TrainingSettings("sgd", 0.05), number=3))
    assert update_of(job(training=recipe, number=3, rounds=4)).tobytes() == half.tobytes()
    whole = update_of(job(training=TrainingSettings("sgd", 0.1), number=1))
    assert update_of(job(training=recipe, number=1, rounds=4)).tobytes() == whole.tobytes()


def test_a_recipe_that_asks_for_what_is_not_there_fails_its_own_job_only():
    wrong = {
        "round": job("round", training=TrainingSettings(schedule="cosine"), number=5, rounds=4),
        "flip": job("flip", training=TrainingSettings(augmentation=("flip",))),
    }
    done = results(*wrong.values(), job())
    assert [result.status for result in done] == ["failed", "failed", "done"]
    assert done[0].reason == "training.schedule=cosine needs a round from 1 to 4, got 5."
    assert done[1].reason.startswith("training.augmentation of examples that are vectors is among jitter, got ['flip']")


def test_the_same_job_gives_the_same_bits_wherever_it_stands():
    alone = results(job("a"))[0]
    among = results(job("b"), job("c", "validation"), job("a"))[2]
    assert alone.arrays["weights"].tobytes() == among.arrays["weights"].tobytes()
    assert alone.metrics == among.metrics


def test_the_seed_of_the_batches_is_that_of_run_trial_round_and_node():
    data = load_node_data(DATA, NODE.holder, 7).train
    model = build(SPEC.lower(TASK), WEIGHTS)
    train(model, data, TASK.head, RECIPE, child_seed(7, "train", "trial-0001", 3, "partition-1"))
    assert np.array_equal(update_of(replace(job(number=3), id="any")), flat_state(model).numpy())


@pytest.mark.parametrize("changes", [{"number": 2}, {"trial": "trial-0002"}], ids=["round", "trial"])
def test_batches_and_dropout_change_with_the_round_and_the_trial(changes: dict[str, object]):
    assert (update_of(job()) != update_of(job(**changes))).any()


def test_batches_and_dropout_change_with_the_name_of_the_node():
    first = update_of(job())
    assert np.array_equal(first, update_of(job(), node=Node("partition-1", NODE.holder)))
    assert (first != update_of(job(), node=Node("attic", NODE.holder))).any()


BROKEN = {
    "NaN weights": (job(weights=np.full_like(WEIGHTS, np.nan)), "must be finite"),
    "infinite weights": (job(split="validation", weights=np.full_like(WEIGHTS, np.inf)), "must be finite"),
    "too few weights": (job(weights=WEIGHTS[:-1]), f"{len(WEIGHTS)} numbers"),
    "another task's spec": (job(spec=LayeredSpec((Conv1d(4),))), "Layer 0"),
    "outputs overflow": (job(split="validation", weights=np.full_like(WEIGHTS, 3e38)), "outputs must be finite"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_job_that_cannot_be_done_fails_and_the_next_goes_on(case: str):
    broken, reason = BROKEN[case]
    failed, done = results(replace(broken, id="broken"), job())
    assert (failed.job, failed.status, failed.num_examples) == ("broken", "failed", 0)
    assert (failed.arrays, failed.metrics) == ({}, {})
    assert reason in failed.reason
    assert "\n" not in failed.reason
    assert done.status == "done"


def test_any_array_of_a_job_must_be_finite():
    arrays = {"weights": WEIGHTS, "alphas": np.full(3, np.inf, np.float32)}
    (failed,) = results(replace(job(), arrays=arrays))
    assert failed.status == "failed"
    assert failed.reason.startswith("The alphas of a job must be finite numbers")


def test_weights_beyond_half_precision_fail_with_the_way_out():
    beyond = WEIGHTS + np.float32(70_000)
    failed, done = results(job("a", "validation", weights=beyond), job("b", "validation"), precision="float16")
    assert failed.status == "failed"
    assert failed.reason.startswith("The weights of a job must be finite numbers in float16, and these are not.")
    assert "65,504" in failed.reason
    assert "federation.precision=float32" in failed.reason
    assert done.status == "done"


def test_an_update_beyond_half_precision_fails_with_the_way_out():
    leap = TrainingSettings("sgd", 1e7, batch_size=10**6)  # one step, far away but finite
    assert np.abs(update_of(job(training=leap))).max() > 65_520
    (failed,) = results(job(training=leap), precision="float16")
    assert (failed.status, failed.arrays) == ("failed", {})
    assert failed.reason.startswith("The trained weights must be finite numbers in float16")


def test_a_deployed_node_opens_no_file_that_an_order_names():
    with pytest.raises(ConfigError, match="opens no file that the server names"):
        results(job(), dataset=DatasetSettings("digits", "/etc/passwd"))


def test_training_that_diverges_fails_without_an_update():
    failed, done = results(job("a", weights=np.full_like(WEIGHTS, 3e38)), job("b", "validation"))
    assert (failed.status, failed.arrays) == ("failed", {})
    assert failed.reason.startswith("Training diverged")
    assert done.status == "done"


def test_weights_that_overflow_in_the_last_step_are_no_update():
    # one batch: its loss is taken before the only step, so the loss is finite and the weights are not
    (failed,) = results(job(training=TrainingSettings("sgd", 3e38, batch_size=10**6, weight_decay=1e3)))
    assert (failed.status, failed.arrays) == ("failed", {})
    assert failed.reason.startswith("Training diverged")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("not enough memory: you tried to allocate 8 bytes\nat alloc_cpu.cpp"), "not enough memory: you"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_running_out_of_memory_fails_the_job_only(error: Exception, reason: str, monkeypatch: pytest.MonkeyPatch):
    def out_of_memory(*_: object) -> float:
        raise error

    monkeypatch.setattr(jobs, "train", out_of_memory)
    failed, done = results(job("a"), job("b", "validation"))
    assert failed.status == "failed"
    assert failed.reason.startswith(f"This node could not compute the job: {reason}")
    assert "alloc_cpu" not in failed.reason
    assert done.status == "done"


def test_what_nobody_foresaw_is_not_hidden(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(jobs, "train", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        results(job())


def test_after_the_first_no_job_begins_once_the_budget_is_spent():
    first, second = results(job("a"), job("b", "validation"), budget=0.0)
    assert first.status == "done"
    assert second.status == "unfinished"
    assert "budget of 0 s" in second.reason


def test_a_job_that_began_within_the_budget_is_finished(monkeypatch: pytest.MonkeyPatch):
    now = iter(range(100))
    monkeypatch.setattr(jobs.time, "perf_counter", lambda: float(next(now)))
    # the clock is read at the start (0), before job a (1), in it (2, 3), and before job b (4)
    first, second = results(job("a"), job("b"), budget=4.0)
    assert (first.status, first.seconds, second.status) == ("done", 1.0, "unfinished")


@pytest.mark.parametrize(("shape", "classes"), [((31,), 10), ((32, 1), 10), ((32,), 9)])
def test_other_data_than_agreed_refuse_the_order(shape: tuple[int, ...], classes: int):
    task = Task(shape, Classification(classes))
    with pytest.raises(DataError, match=r"All nodes must have examples of shape|must have 9 classes at most"):
        results(job(), task=task)


def test_a_node_may_lack_classes():
    spec = LayeredSpec()
    weights = initial_weights(spec.lower(Task((32,), Classification(12))), generator(0))
    work = (job("a", spec=spec, weights=weights), job("b", "validation", spec=spec, weights=weights))
    assert [result.status for result in results(*work, task=Task((32,), Classification(12)))] == ["done", "done"]


def test_settings_without_data_refuse_the_order():
    with pytest.raises(ConfigError, match="dataset must be one of"):
        results(job(), dataset=DatasetSettings("nothing"))


def test_shared_examples_survive_a_whole_order():
    data = load_node_data(DATA, NODE.holder, 7)
    before = [(part.x.copy(), part.y.copy()) for part in (data.train, data.validation)]
    results(job("a"), job("b", "validation"), job("c"))
    for part, (x, y) in zip((data.train, data.validation), before, strict=True):
        assert isinstance(part, Examples)
        assert np.array_equal(part.x, x)
        assert np.array_equal(part.y, y)
