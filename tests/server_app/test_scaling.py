"""Whole searches whose inputs are scaled: over the federation, by each node, or not at all."""

import numpy as np
import pytest
import torch

from common.data import Holder, load_node_data, load_node_test
from common.errors import SpecError
from common.models.evaluation import evaluate
from common.models.export import load_model, save_model
from common.settings import DatasetSettings


def train_of(played, name):
    """Return what a node of the played search trains on."""
    (path,) = {
        str(node.context.node_config["data"])
        for node in played.grid.nodes.values()
        if node.context.node_config["name"] == name
    }
    return load_node_data(DatasetSettings("local"), Holder(path=path), 0).train.x


def test_inputs_are_scaled_by_mean_and_deviation_over_all_training_examples(grid, configure, play):
    grid.people("abc")
    played = play(grid, configure())
    pooled = np.concatenate([train_of(played, name) for name in "abc"]).astype(np.float64)
    scaling = played.strategy.outcome.task.scaling
    np.testing.assert_allclose(scaling.mean, pooled.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(scaling.std, pooled.std(axis=0), rtol=1e-9)
    (event,) = played.kinds("scaled")
    assert (event["num_nodes"], event["left_out"]) == (3, 0)


def test_a_node_with_few_examples_trains_and_tells_no_sums(grid, configure, play):
    grid.people("abc")
    most = len(load_node_data(DatasetSettings("local"), Holder(path=grid_path(grid, "a")), 0).train)
    grid_of_few = grid.join(name="few", data=few(grid, most - 5))
    played = play(grid, configure(federation={"nodes": 4}, preprocessing={"min_examples": most}))
    assert played.error is None
    (event,) = played.kinds("scaled")
    assert (event["num_nodes"], event["left_out"]) == (3, 1)
    assert "train" in grid.sent_to(grid_of_few)
    pooled = np.concatenate([train_of(played, name) for name in "abc"]).astype(np.float64)
    np.testing.assert_allclose(played.strategy.outcome.task.scaling.mean, pooled.mean(axis=0), rtol=1e-9)


def grid_path(grid, name):
    return next(
        str(node.context.node_config["data"])
        for node in grid.nodes.values()
        if node.context.node_config["name"] == name
    )


def few(grid, count):
    """Write a file of so few examples that a node trains on fewer than `count`."""
    with np.load(grid_path(grid, "a")) as whole:
        path = grid_path(grid, "a").replace("a-", "few-")
        np.savez(path, x=whole["x"][:count], y=whole["y"][:count])
    return path


def test_where_no_node_has_examples_enough_the_search_goes_on_and_says_so(grid, configure, play):
    grid.people("abc")
    played = play(grid, configure(preprocessing={"min_examples": 1000}))
    assert (played.error, played.strategy.outcome.task.scaling) == (None, None)
    assert not played.kinds("scaled")
    (event,) = played.kinds("unscaled")
    assert event["min_examples"] == 1000


def test_each_node_scales_by_its_own_and_sends_no_sums(grid, configure, play, tmp_path):
    grid.people("abc")
    played = play(grid, configure(preprocessing={"scope": "node"}))
    outcome = played.strategy.outcome
    assert outcome.task.scaling == "node"
    assert all(report.sums == {} for report in played.strategy._desk.roster.reports.values())
    final, head = outcome.final.trials[0], outcome.task.head
    save_model(tmp_path, final.spec, outcome.task, played.weights)
    with pytest.raises(SpecError, match="examples"):
        load_model(tmp_path)
    for name in "abc":  # the test of each node can be taken again with what it scales by
        model = load_model(tmp_path, train_of(played, name))
        test = load_node_test(DatasetSettings("local"), Holder(path=grid_path(grid, name)), 0, head)
        told, found = final.scores[-1].by_node[name].metrics, evaluate(model, test, head)
        assert found == pytest.approx({metric: told[metric] for metric in found})


def test_inputs_may_stay_as_they_are(grid, configure, play):
    grid.people("abc")
    played = play(grid, configure(preprocessing={"scope": "none"}))
    assert played.strategy.outcome.task.scaling is None
    assert not played.kinds("scaled")


def test_large_inputs_are_learnt_from_once_they_are_scaled(grid, configure, play, tmp_path):
    """Two features tell the classes apart, and a third, that does not, is ten thousand times as large."""
    rng = np.random.default_rng(0)
    for name in "abc":
        y = np.arange(60) % 3
        x = rng.normal(size=(60, 3)).astype(np.float32) * [0.3, 0.3, 1e4]
        x[:, 0] += y == 1
        x[:, 1] += y == 2
        np.savez(tmp_path / f"{name}.npz", x=x.astype(np.float32), y=y)
    accuracy = {}
    for scope in ("federation", "node", "none"):
        for node_id in list(grid.nodes):
            grid.leave(node_id)
        for name in "abc":
            grid.join(name=name, data=str(tmp_path / f"{name}.npz"))
        played = play(grid, configure(preprocessing={"scope": scope}, final={"rounds": 8}))
        accuracy[scope] = played.strategy.outcome.final.trials[0].metrics["accuracy"]
    assert min(accuracy["federation"], accuracy["node"]) > 0.8 > accuracy["none"]


def test_an_exported_model_takes_inputs_as_they_are(grid, configure, play, tmp_path):
    grid.people("abc")
    played = play(grid, configure())
    outcome = played.strategy.outcome
    save_model(tmp_path, outcome.final.trials[0].spec, outcome.task, played.weights)
    model = load_model(tmp_path)
    x = train_of(played, "a")
    scaling = outcome.task.scaling
    by_hand = ((x - np.float32(scaling.mean)) / np.float32(scaling.std)).astype(np.float32)
    with torch.no_grad():
        torch.testing.assert_close(model[0](torch.from_numpy(x)), torch.from_numpy(by_hand), rtol=1e-4, atol=1e-4)
