"""Runs whose nodes make models of their own of the winner, to their end (Flower's grid, real ClientApps)."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from client_app.app import app
from common.architecture.layout import layout, state_size
from common.errors import ConfigError
from common.groups import NO_LIMITS
from common.models.export import load_model
from common.personal import WAYS
from common.settings import DatasetSettings
from server_app.budget import Spent, personal_passes
from server_app.front import of_front
from server_app.personal import KEPT
from server_app.results import result_of
from server_app.run import run

PERSONAL = {"method": "mix", "epochs": 2, "rate": 0.5}


@pytest.fixture
def config(configure):
    def make(**changes):
        changes = {"final": {"rounds": 3, "checkpoints": 2}, **changes}
        return configure(personal={**PERSONAL, **changes.pop("personal", {})}, **changes)

    return make


def told(played, config):
    return result_of(config, played.strategy.outcome, "finished")["personal"]


def test_each_node_compares_and_keeps_and_the_result_says_what(grid, play, config):
    grid.people("abc")
    settings = config()
    played = play(grid, settings)
    assert played.error is None
    found = told(played, settings)
    assert (found["method"], found["epochs"], found["rounds"]) == ("mix", 2, 3)
    assert found["learning_rate"] == pytest.approx(0.5 * 0.03)
    assert sorted(found["by_node"]) == ["a", "b", "c"]
    for verdict in found["by_node"].values():
        # of 40 examples a fifth is for the test, and of the rest a fifth for validation
        assert (verdict["num_validation"], verdict["num_test"]) == (6, 8)
        assert list(verdict["validation"]) == list(verdict["test"]) == list(WAYS)
        ranks = {way: (s["accuracy"], -s["loss"]) for way, s in verdict["validation"].items()}
        assert verdict["kept"] == max(ranks, key=ranks.get)
    validation = found["validation"]
    assert list(validation) == list(found["test"]) == [*WAYS, KEPT]
    assert all(validation[KEPT]["accuracy"] >= validation[way]["accuracy"] for way in WAYS), "it is chosen by that"
    assert sum(found["kept"].values()) == found["num_nodes"] == found["gain"]["nodes"] == 3
    assert (found["gain"]["split"], found["left_out"], found["failure"]) == ("test", {}, "")


def test_the_common_model_is_the_winners_that_is_shown(grid, play, config):
    """So its test over the nodes is that of the run which the final training shows."""
    grid.people("abc")
    settings = config(final={"rounds": 2, "seeds": 2, "checkpoints": 1})
    played = play(grid, settings)
    shown = played.strategy.outcome.final.shown()
    found = told(played, settings)
    assert found["test"]["common"] == pytest.approx(dict(shown.scores[-1].metrics))
    assert found["validation"]["common"] == pytest.approx(dict(shown.scores[-2].metrics))


def test_one_message_goes_to_each_node_and_no_array_comes_back(grid, play, config):
    replies = []

    def listening(message, context):
        reply = app(message, context)
        if "order" in message.content and message.content["order"]["kind"] == ["personal"]:
            replies.append(reply.content)
        return reply

    for name in "abc":
        grid.person(name, listening)
    played = play(grid, config())
    sent = [m for m in grid.sent if "order" in m.content and "personal" in m.content["order"]["kind"]]
    assert sorted(grid.name(message) for message in sent) == ["a", "b", "c"]
    assert len(replies) == 3
    size = 4 * state_size(layout(played.search.winner.spec.lower(played.strategy.outcome.task)))
    for content in replies:
        assert not [array for record in content.array_records.values() for array in record.values()]
        assert all(isinstance(value, float | int) for row in content["metrics"].values() for value in row)
        texts = [value for record in content.config_records.values() for value in record.values()]
        assert not any(isinstance(value, bytes) for value in texts)
        assert max(len(str(value)) for value in texts) < size
    ledger = played.strategy.outcome.personal.trial.ledger
    assert (ledger.bytes_down, ledger.bytes_up) == (3 * size, 0)


def test_the_order_of_the_nodes_changes_nothing(make_grid, play, config):
    def found(backwards, names):
        grid = make_grid()
        grid.backwards = backwards
        grid.people(names)
        return told(play(grid, config()), config())

    assert found(False, "abc") == found(True, "cba")


def test_what_it_cost_is_told_and_was_foreseen(grid, play, config):
    grid.people("abc")
    settings = config(search={"budget": replace(NO_LIMITS, mac_examples=1e9)})
    played = play(grid, settings)
    assert played.error is None
    stage = played.strategy.outcome.personal
    passes = personal_passes(stage.settings, 2, 3, 26, 6, 8)
    assert stage.trial.ledger.mac_examples == 3 * stage.macs * passes
    result = result_of(settings, played.strategy.outcome, "finished")
    assert result["mac_examples"]["personal"] == Spent.of([stage.trial]).mac_examples
    assert result["seconds"]["personal"] > 0


def least_budget(grid, play, config, **changes):
    """Return what a budget must pay for at least, as the error says."""
    grid.people("abc")
    error = play(grid, config(search={"budget": replace(NO_LIMITS, mac_examples=1.0)}, **changes)).error
    assert isinstance(error, ConfigError)
    return int(str(error).partition("which cost ")[2].partition(" here")[0].replace(",", ""))


def test_a_budget_reserves_it(make_grid, play, config):
    """The least that a run takes is more by what the first network, of one of three widths, takes on three nodes."""
    without = least_budget(make_grid(), play, config, personal={"method": None})
    reserved = least_budget(make_grid(), play, config) - without
    # 26 examples train for 3 rounds of 2 epochs and two times 2 epochs; 6 score 1 + 10 models, and 2 + 1; 8 test three
    passes = 26 * (3 * 2 + 2 * 2) + 6 * (11 + 3) + 8 * 3
    assert reserved in [3 * passes * (4 * width + width * 3) for width in (3, 5, 8)]


COMBINATIONS = {
    "a front": {
        "objective": {"name": "pareto"},
        "controller": {"name": "nsga2", "population_size": 2},
        "space": {"name": "layered", "max_layers": 2, "width": [3, 5, 8], "operations": ["linear"]},
        "final": {"rounds": 2, "front": "all"},
    },
    "capability": {"placement": {"name": "capability"}},
    "split": {"placement": {"name": "split"}, "search": {"trials": 2, "concurrency": 2}},
    "folds": {"scoring": {"folds": 3}},
    "people held out": {"scoring": {"held_out": 0.3}, "final": {"rounds": 2, "finalists": 2}},
    "a supernet": {
        "controller": {"name": "evolution", "population_size": 2, "sample_size": 1},
        "weights": {"name": "supernet", "rounds": 2, "paths": 3},
        "fidelity": {"name": "one_shot"},
        "space": {"name": "layered", "max_layers": 2, "width": [3, 5, 8], "operations": ["linear"], "norm": ["batch"]},
    },
    "FedAdam, a mean of rounds, a cosine": {
        "aggregation": {"name": "fedadam"},
        "training": {"average": 2, "schedule": "cosine", "augmentation": ["jitter"], "label_smoothing": 0.1},
    },
    "each node's own scaling, half precision": {
        "preprocessing": {"scope": "node"},
        "federation": {"precision": "float16"},
    },
    "classes that are uneven to the metric": {"objective": {"name": "auroc"}},
    "in the order of arrival": {"federation": {"order": "arrival"}},
}


METHODS = dict(zip(COMBINATIONS, itertools.cycle(["head", "all", "mix"]), strict=False))


@pytest.mark.parametrize("name", COMBINATIONS)
def test_it_goes_with_all_else(grid, play, config, name):
    grid.people("abc")
    settings = config(personal={"method": METHODS[name]}, **COMBINATIONS[name])
    played = play(grid, settings)
    assert played.error is None
    found, outcome = told(played, settings), played.strategy.outcome
    assert sorted(found["by_node"]) == ["a", "b", "c"]
    assert {verdict["note"] for verdict in found["by_node"].values()} == {
        "This node keeps no model: its node config names no personal-dir"
    }
    if name == "a front":
        assert outcome.personal.trial.identity == of_front(outcome.search, settings.final)[0].identity, "the knee"


def test_a_regression_keeps_what_has_the_least_error(grid, play, config):
    for part in range(2):
        grid.join(app, **{"partition-id": part, "num-partitions": 2})
    settings = config(dataset=DatasetSettings("diabetes"), federation={"nodes": 2}, personal={"epochs": 1})
    played = play(grid, settings)
    assert played.error is None
    found, (metric, better) = told(played, settings), played.strategy.outcome.task.head.primary
    assert better == "min"
    for verdict in found["by_node"].values():
        errors = {way: scores[metric] for way, scores in verdict["validation"].items()}
        assert errors[verdict["kept"]] == min(errors.values())


def test_a_node_above_whose_limits_the_winner_is_has_none(grid, play, config):
    grid.people("ab")
    path = grid.nodes[next(iter(grid.nodes))].context.node_config["data"]
    # a classifier alone has 15 parameters, and the smallest network of the space 3 x 4 + 3 + 3 x 3 + 3
    grid.join(app, **{"name": "small", "data": path, "max-params": 30})
    settings = config(placement={"name": "capability"})
    played = play(grid, settings)
    assert played.error is None
    found = told(played, settings)
    if played.strategy.outcome.personal.trial.spec.layers[0].width > 3:
        assert sorted(found["by_node"]) == ["a", "b"]
        assert "30" in found["left_out"]["small"]


def test_where_nobody_answers_the_run_ends_with_its_winner_all_the_same(grid, play, config):
    def broken(message, context):
        if "order" in message.content and "personal" in message.content["order"]["kind"]:
            raise RuntimeError("the disk is full")
        return app(message, context)

    for name in "abc":
        grid.person(name, broken)
    settings = config()
    played = play(grid, settings)
    assert played.error is None
    assert played.weights is not None
    found = told(played, settings)
    assert (found["num_nodes"], found["gain"], found["test"]) == (0, None, {})
    assert found["failure"].startswith("none of 3 nodes gave a usable result")
    (event,) = played.kinds("personalized")
    assert event["failure"] == found["failure"]


def test_a_run_without_it_has_nothing_of_it(grid, play, configure):
    grid.people("abc")
    played = play(grid, configure())
    outcome = played.strategy.outcome
    assert outcome.personal is None
    result = result_of(configure(), outcome, "finished")
    assert "personal" not in result
    assert "personal" not in result["mac_examples"]
    assert not played.kinds("personal")


def test_simulated_nodes_write_into_the_run_folder_where_that_is_wanted(make_grid, config, tmp_path):
    """Nodes with a partition of a pool each, as the simulation starts them."""
    for keep in (True, False):
        grid, folder = make_grid(), tmp_path / str(keep)
        for part in range(2):
            grid.join(app, **{"partition-id": part, "num-partitions": 2})
        pool = make_pool(tmp_path)
        settings = config(
            personal={"keep": keep},
            dataset={"name": "local", "path": str(pool)},
            federation={"nodes": 2},
            run={"dir": str(folder)},
        )
        run(grid, {"config": settings.to_json()})
        result = json.loads((folder / "result.json").read_text())
        assert all(verdict["written"] is keep for verdict in result["personal"]["by_node"].values())
        assert (folder / "personal").exists() is keep
        if keep:
            for name, verdict in result["personal"]["by_node"].items():
                model = load_model(folder / "personal" / name)
                assert sum(tensor.numel() for tensor in model.parameters()) == result["winner"]["parameters"]
                told = json.loads((folder / "personal" / name / "spec.json").read_text())
                assert told["metadata"]["kept"] == verdict["kept"]


def make_pool(folder):
    rng = np.random.default_rng(0)
    y = np.arange(80) % 3
    x = rng.normal(0, 0.5, (80, 4)).astype(np.float32)
    x[np.arange(80), y] += 1
    np.savez(folder / "pool.npz", x=x, y=y)
    return folder / "pool.npz"
