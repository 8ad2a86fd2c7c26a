"""Models of a node's own: what is trained of them, what is chosen by, and what leaves the node."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from client_app import personal
from client_app.jobs import do_jobs
from client_app.node import Node, node_of
from client_app.personal import Bench, mixed, tuning
from client_app.training import train
from common.architecture.graph import HEAD
from common.architecture.initial import initial_weights
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.architecture.layout import layout, state_size, views_of
from common.data import Holder, load_node_data, load_node_test
from common.jobs import Job, Order, Result, Work
from common.models.builder import build, flat_state
from common.models.evaluation import evaluate
from common.models.export import load_model
from common.personal import COEFFICIENTS, Verdict
from common.seeding import child_seed, generator
from common.settings import DatasetSettings, PersonalSettings, TrainingSettings
from common.tasks import Classification, Task
from common.wire.results import encode_results

TASK = Task((32,), Classification(10))
SPEC = LayeredSpec((Linear(16, norm="batch", dropout=0.2),))
GRAPH = SPEC.lower(TASK)
WEIGHTS = initial_weights(GRAPH, generator(0, "weights"))
DATA = DatasetSettings("synthetic")
NODE = Node("partition-1", Holder(1, 10), simulated=True)
RECIPE = TrainingSettings("sgd", 0.1)
SETTINGS = PersonalSettings("all", epochs=2, learning_rate=0.05, checkpoints=(1, 3))
HELD = load_node_data(DATA, NODE.holder, 7)


def job(rounds: int = 3, training: TrainingSettings = RECIPE, weights: np.ndarray = WEIGHTS, **settings) -> Job:
    own = replace(SETTINGS, **settings)
    work = Work("personal", "train", rounds, training, rounds, personal=own)
    return Job("personal-0000/personal", "personal-0000", SPEC, {"weights": weights}, work)


def order_of(one: Job, **changes) -> Order:
    return replace(Order(seed=7, budget=60.0, task=TASK, dataset=DATA, jobs=(one,)), **changes)


def result_of(one: Job, node: Node = NODE, **changes) -> Result:
    (result,) = do_jobs(order_of(one, **changes), node)
    return result


def verdict_of(one: Job, node: Node = NODE, **changes) -> Verdict:
    result = result_of(one, node, **changes)
    assert result.status == "done", result.reason
    return Verdict.from_metrics(result.metrics, TASK.head)


def bench_of(one: Job, data=HELD) -> Bench:
    return Bench(one, order_of(one), NODE, data)


def changed(weights: np.ndarray) -> set[str]:
    """Return the tensors that are others than they came."""
    before, after = views_of(WEIGHTS, layout(GRAPH)), views_of(weights, layout(GRAPH))
    return {name for name in before if not np.array_equal(before[name], after[name])}


def test_with_head_all_but_the_last_layer_stays_bit_by_bit():
    own = bench_of(job()).tuned(WEIGHTS, "head", "personal")
    assert changed(own) == {f"{HEAD}.weight", f"{HEAD}.bias"}


def test_the_last_layer_learns_on_what_the_others_compute_in_a_score():
    """By hand: one step of SGD on the cross entropy of a linear map over fixed features."""
    one = job(epochs=1, learning_rate=0.5, training=replace(RECIPE, batch_size=10**6))
    own = views_of(bench_of(one).tuned(WEIGHTS, "head", "personal"), layout(GRAPH))
    model = build(GRAPH, WEIGHTS).eval()
    features: list[np.ndarray] = []
    model.get_submodule(HEAD).register_forward_pre_hook(lambda _, inputs: features.append(inputs[0].numpy()))
    evaluate(model, HELD.train, TASK.head)
    x, y = np.concatenate(features).astype(np.float64), np.eye(10)[HELD.train.y]
    before = views_of(WEIGHTS, layout(GRAPH))
    logits = x @ before[f"{HEAD}.weight"].T + before[f"{HEAD}.bias"]
    shares = np.exp(logits - logits.max(1, keepdims=True))
    error = (shares / shares.sum(1, keepdims=True) - y) / len(y)
    np.testing.assert_allclose(own[f"{HEAD}.weight"], before[f"{HEAD}.weight"] - 0.5 * error.T @ x, atol=1e-6)
    np.testing.assert_allclose(own[f"{HEAD}.bias"], before[f"{HEAD}.bias"] - 0.5 * error.sum(0), atol=1e-6)


def test_with_all_it_is_training_at_a_rate_of_its_own():
    own = bench_of(job(training=replace(RECIPE, schedule="cosine", average=3))).tuned(WEIGHTS, "all", "personal")
    model = build(GRAPH, WEIGHTS)
    seed = child_seed(7, "fine-tuning", "personal-0000", "personal", "partition-1")
    train(model, HELD.train, TASK.head, replace(RECIPE, learning_rate=0.05, epochs=2, average=3), seed)
    np.testing.assert_array_equal(own, flat_state(model).numpy())
    assert {"layer0.weight", f"{HEAD}.weight"} < changed(own)


def test_fine_tuning_is_by_the_recipe_but_for_its_rate():
    recipe = TrainingSettings("sgd", 0.1, batch_size=7, epochs=3, momentum=0.9, schedule="cosine", proximal_mu=0.1)
    assert tuning(recipe, SETTINGS) == replace(recipe, learning_rate=0.05, epochs=2, schedule="constant")


def test_the_ends_of_a_mix_are_the_common_weights_and_the_nodes_own():
    common, own = WEIGHTS, initial_weights(GRAPH, generator(1, "weights"))
    np.testing.assert_array_equal(mixed(common, own, 0.0), common)
    np.testing.assert_array_equal(mixed(common, own, 1.0), own)
    np.testing.assert_allclose(mixed(common, own, 0.25), 0.75 * common + 0.25 * own, atol=1e-7)


def test_of_mixes_the_best_on_validation_counts():
    one = job(method="mix")
    bench = bench_of(one)
    own = bench.tuned(WEIGHTS, "all", "personal")
    scores = {
        share: evaluate(build(GRAPH, mixed(WEIGHTS, own, share)), HELD.validation, TASK.head) for share in COEFFICIENTS
    }
    best = max(scores, key=lambda share: (scores[share]["accuracy"], -scores[share]["loss"]))
    model, share, reason = bench.personal()
    assert (share, model.metrics, reason) == (best, scores[best], "")
    np.testing.assert_array_equal(model.weights, mixed(WEIGHTS, own, best))
    assert verdict_of(one).coefficient == best
    assert verdict_of(job()).coefficient is None


def test_local_training_is_that_of_a_federation_of_this_node_alone():
    """Three rounds by the recipe, scored after the first and the last and once fine-tuned; the best of these counts."""
    recipe = replace(RECIPE, schedule="cosine", average=2)
    model, reason = bench_of(job(training=recipe)).local(math.inf)
    seed = child_seed(7, "local", "personal-0000", "partition-1")
    network = build(GRAPH, initial_weights(GRAPH, generator(seed, "weights")))
    states = []
    for number in (1, 2, 3):
        train(network, HELD.train, TASK.head, recipe.in_round(number, 3), child_seed(seed, "round", number))
        states.append(flat_state(network).numpy().copy())
    candidates = [states[0], np.mean(states[1:], axis=0, dtype=np.float32)]
    candidates.append(bench_of(job(training=recipe)).tuned(candidates[1], "all", "local"))
    scores = [evaluate(build(GRAPH, weights), HELD.validation, TASK.head) for weights in candidates]
    best = max(range(3), key=lambda place: (scores[place]["accuracy"], -scores[place]["loss"]))
    assert (model.metrics, reason) == (scores[best], "")
    np.testing.assert_array_equal(model.weights, candidates[best])


def test_what_is_kept_is_the_best_on_validation_and_the_test_is_not_asked():
    verdict = verdict_of(job(rounds=8, checkpoints=(8,)))
    ranks = {way: (found["accuracy"], -found["loss"]) for way, found in verdict.validation.items()}
    assert verdict.kept == max(ranks, key=ranks.get)
    assert set(verdict.validation) == set(verdict.test) == {"common", "personal", "local"}
    assert (verdict.num_validation, verdict.num_test) == (len(HELD.validation), HELD.num_test)
    assert verdict.validation["common"] == evaluate(build(GRAPH, WEIGHTS), HELD.validation, TASK.head)
    test = load_node_test(DATA, NODE.holder, 7)
    assert verdict.test["common"] == evaluate(build(GRAPH, WEIGHTS), test, TASK.head)


def test_the_test_split_is_opened_once_and_after_all_else(monkeypatch):
    seen: list[str] = []

    def scored(model, examples, head):
        seen.append("validation" if np.array_equal(examples.x, HELD.validation.x) else "test")
        return evaluate(model, examples, head)

    monkeypatch.setattr(personal, "evaluate", scored)
    monkeypatch.setattr(personal, "load_node_test", lambda *asked: seen.append("opened") or load_node_test(*asked))
    verdict_of(job())
    # the common and the personal model, two checkpoints of local training, and what that was fine-tuned to
    assert seen == ["validation"] * (1 + 1 + 2 + 1) + ["opened"] + ["test"] * 3


@pytest.mark.parametrize("method", ["head", "all", "mix"])
def test_nothing_but_metrics_leaves_the_node(method):
    result = result_of(job(method=method))
    assert result.arrays == {}
    assert result.num_examples == len(HELD.train)
    content = encode_results("digest", (result,))
    assert len(content.array_records["arrays"]) == 0
    sent = sum(len(record.serialize() if hasattr(record, "serialize") else str(record)) for record in content.values())
    assert sent < 4 * state_size(layout(GRAPH)), "fewer bytes than the weights have, whatever they hold"
    known = {"accuracy", "balanced_accuracy", "macro_f1", "loss", "auroc", "examples"}
    names = set(content.metric_records["metrics"]) - {"num-examples", "seconds", "kept", "written", "coefficient"}
    assert {name.rpartition("/")[2] for name in names} <= known
    assert all(len(values) == 1 for values in content.metric_records["metrics"].values())


def test_the_same_job_gives_the_same_bits_and_another_node_others():
    once, again = (result_of(job(method="mix")).metrics for _ in range(2))
    assert once == again
    assert result_of(job(method="mix"), replace(NODE, name="attic")).metrics != once


def test_a_node_without_validation_examples_keeps_the_common_model_and_trains_nothing(monkeypatch):
    empty = replace(HELD, validation=HELD.validation.take(np.arange(0)))
    monkeypatch.setattr("client_app.jobs.load_node_data", lambda *_: empty)
    monkeypatch.setattr(personal, "train", None)
    verdict = verdict_of(job())
    assert (verdict.kept, verdict.validation, list(verdict.test)) == ("common", {}, ["common"])
    assert (verdict.num_validation, verdict.num_test) == (0, HELD.num_test)


def test_a_node_without_a_test_split_of_its_own_says_so():
    task = Task((1, 8, 8), Classification(10))
    spec = LayeredSpec((Linear(4, norm="none"),))
    weights = initial_weights(spec.lower(task), generator(0))
    one = replace(job(), spec=spec, arrays={"weights": weights})
    verdict = verdict_of(one, dataset=DatasetSettings("digits", test_fraction=0.0), task=task)
    assert (verdict.test, verdict.num_test) == ({}, 0)
    assert set(verdict.validation) == {"common", "personal", "local"}


def test_a_node_with_two_examples_trains_on_the_one_and_is_scored_on_the_other(tmp_path):
    np.savez(tmp_path / "two.npz", x=np.eye(2, 3, dtype=np.float32), y=np.array([0, 1]), split=np.zeros(2, np.int64))
    task, spec = Task((3,), Classification(2)), LayeredSpec()
    weights = initial_weights(spec.lower(task), generator(0))
    node = node_of({"name": "attic", "data": str(tmp_path / "two.npz")})
    one = replace(job(method="mix"), spec=spec, arrays={"weights": weights})
    result = result_of(one, node, task=task, dataset=DatasetSettings("local", test_fraction=0.0))
    assert (result.status, result.num_examples) == ("done", 1)
    assert Verdict.from_metrics(result.metrics, task.head).num_validation == 1


def test_what_diverges_is_left_out_and_told():
    result = result_of(job(learning_rate=1e30))
    verdict = Verdict.from_metrics(result.metrics, TASK.head)
    assert set(verdict.validation) == set(verdict.test) == {"common", "local"}
    assert result.reason == "Fine-tuning diverged (a lower personal.rate may help)"
    assert verdict_of(job(learning_rate=1e30, method="mix")).coefficient is None
    result = result_of(job(training=replace(RECIPE, learning_rate=1e30)))
    assert set(Verdict.from_metrics(result.metrics, TASK.head).validation) == {"common", "personal"}
    assert result.reason == "Training on this node's examples alone diverged"


def test_a_common_model_without_a_score_fails_the_job():
    result = result_of(job(weights=np.full_like(WEIGHTS, 3e38)))
    assert (result.status, result.metrics) == ("failed", {})
    assert "outputs must be finite" in result.reason


def test_where_there_is_no_more_time_local_training_is_left_out():
    result = result_of(job(), budget=0.0)
    assert set(Verdict.from_metrics(result.metrics, TASK.head).validation) == {"common", "personal"}
    assert result.reason.startswith("The budget of 0 s was spent before training on this node's examples alone")


# ------------------------------------------------------------ where it is written


def kept_by(one: Job, node: Node) -> np.ndarray:
    """Return what a node keeps, computed again."""
    found, _, _ = Bench(one, order_of(one), node, HELD).ways(math.inf)
    return found[verdict_of(one, node).kept].weights


def weights_in(folder: Path) -> np.ndarray:
    return np.concatenate([tensor.numpy().ravel() for tensor in _in_order(load_model(folder))])


def _in_order(model):
    state = model.state_dict()
    return [state[info.name] for info in layout(GRAPH)]


def test_a_simulated_node_writes_below_the_folder_that_it_is_told(tmp_path):
    one = job(folder=str(tmp_path / "personal"))
    verdict = verdict_of(one)
    assert verdict.written
    np.testing.assert_array_equal(weights_in(tmp_path / "personal" / "partition-1"), kept_by(one, NODE))
    told = json.loads((tmp_path / "personal" / "partition-1" / "spec.json").read_text())["metadata"]
    assert (told["kept"], told["method"]) == (verdict.kept, "all")
    assert not verdict_of(job()).written


def test_a_deployed_node_writes_where_its_own_config_says_and_nowhere_else(tmp_path):
    node = replace(NODE, simulated=False, personal_dir=tmp_path / "own")
    one = job(folder=str(tmp_path / "servers"))
    assert verdict_of(one, node).written
    np.testing.assert_array_equal(weights_in(tmp_path / "own"), kept_by(one, node))
    assert [path.name for path in tmp_path.iterdir()] == ["own"]
    result = result_of(one, replace(node, personal_dir=None))
    assert not Verdict.from_metrics(result.metrics, TASK.head).written
    assert result.reason == "This node keeps no model: its node config names no personal-dir"
    assert [path.name for path in tmp_path.iterdir()] == ["own"]


def test_a_folder_that_cannot_be_written_costs_the_model_alone_and_its_name_stays_in_the_nodes_log(
    tmp_path, flower_log
):
    (tmp_path / "secret").write_text("")
    result = result_of(job(), replace(NODE, simulated=False, personal_dir=tmp_path / "secret" / "own"))
    assert result.status == "done"
    assert result.reason == "This node could not write the model that it keeps; its log tells why"
    assert str(tmp_path) in flower_log.text


def test_inputs_that_each_node_scales_are_scaled_in_what_it_writes(tmp_path):
    node = replace(NODE, simulated=False, personal_dir=tmp_path)
    task = replace(TASK, scaling="node")
    one = replace(job(), arrays={"weights": initial_weights(SPEC.lower(task), generator(0))})
    verdict = verdict_of(one, node, task=task)
    model = load_model(tmp_path)
    assert evaluate(model, HELD.validation, TASK.head) == verdict.validation[verdict.kept]
