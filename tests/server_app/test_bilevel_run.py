"""Searches by gradients, to their end (Flower's grid, real ClientApps)."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

from common.architecture.cost import cost_of
from common.architecture.spec import ArchitectureSpec
from common.errors import ConfigError
from server_app.build import rehearse
from server_app.results import result_of, write_results

SPACE = {"name": "layered", "max_layers": 2, "width": [3, 5], "operations": ["linear"], "norm": ["group", "none"]}
DARTS = {"name": "darts", "rounds": 5, "warm_up": 1, "levels": 2, "recipes": 2}


@pytest.fixture
def config(configure):
    def make(**changes):
        whole = {"controller": DARTS, "space": SPACE, "search": {"trials": 20, "concurrency": 2}}
        return configure(**{**whole, **changes})

    return make


def test_what_is_found_is_trained_scored_and_tested_like_any_other(grid, play, config, tmp_path):
    grid.people("abcd")
    settings = config(training={"learning_rate": [0.03, 0.01]})
    played = play(grid, settings)
    assert played.error is None
    stage = played.strategy.outcome.bilevel
    assert [event["round"] for event in played.kinds("alphas")] == [2, 3, 4, 5]
    assert played.counts["scored"] == 4 + 4, (
        "two networks with two recipes, and the test of the winner and three others"
    )
    trials = sorted(played.search.trials, key=lambda trial: trial.number)
    assert [trial.spec for trial in trials] == stage.found * 2
    assert {trial.origin for trial in trials} == {"discretized"}
    assert [layer.width for layer in stage.found[0].layers] == [5, 5], "as wide as may be"
    (told,) = played.kinds("search")
    assert told["trials"] == 4
    assert told["bilevel"]["rounds"] == 5
    result = write_results(tmp_path, settings, played.strategy.outcome, "finished")
    assert (tmp_path / "alphas.png").is_file() == (find_spec("matplotlib") is not None)
    assert result["winner"]["origin"] == "discretized"
    assert result["bilevel"]["found"] == [spec.id for spec in stage.found]
    assert [level["rounds"] for level in result["bilevel"]["levels"]] == [3, 5]
    assert json.loads((tmp_path / "result.json").read_text())["bilevel"] == result["bilevel"]
    assert {"bilevel", "search", "final"} <= result["mac_examples"].keys()
    assert result["mac_examples"]["bilevel"] > 0
    assert result["counts"]["rounds"] == 5 + 4 * 2 + 4


def test_bytes_are_those_of_both_arrays_of_the_network_as_it_is(grid, play, config):
    """There and back to each of four nodes, three rounds of the first network and two of the smaller one."""
    grid.people("abcd")
    settings = config()
    played = play(grid, settings)
    outcome = played.strategy.outcome
    specs = [ArchitectureSpec.from_dict(event["spec"]) for event in played.kinds("proposed")[:2]]
    costs = [cost_of(spec.lower(outcome.task)) for spec in specs]
    numbers = [cost.parameters + cost.buffers + spec.num_alphas for cost, spec in zip(costs, specs, strict=True)]
    assert numbers[1] < numbers[0]
    expected = 2 * 4 * 4 * (3 * numbers[0] + 2 * numbers[1])
    assert result_of(settings, outcome, "finished")["bytes"]["bilevel"] == expected


def test_the_validation_split_is_never_trained_on(grid, play, config):
    """All that the nodes are asked in the stage is on training examples, and what scores is asked after it."""
    grid.people("abcd")
    play(grid, config())
    orders = [message.content["order"] for message in grid.sent if "order" in message.content]
    asked = [pair for order in orders for pair in zip(order["kind"], order["split"], strict=True)]
    assert {split for kind, split in asked if kind in ("bilevel", "train")} == {"train"}
    kinds = [kind for kind, _ in asked]
    assert "bilevel" not in kinds[kinds.index("train") :]


SPACES = {
    "darts": {"name": "cell", "nodes": 2, "cells": [3, 4], "channels": [2], "operations": ["skip", "sep_conv3"]},
    "nasbench201": {"name": "cell", "form": "nasbench201", "nodes": 2, "cells": [3], "channels": [2, 4]},
    "mobile": {
        "name": "mobile",
        "stages": [{"width": [2, 4], "stride": 2, "depth": 2}],
        "blocks": ["identity", "mb2_k3", "mb1_k5"],
        "stem_width": [2],
    },
    "layered": {"name": "layered", "max_layers": 2, "width": [2, 4], "kernel": [1, 3]},
}


@pytest.mark.parametrize("space", SPACES)
def test_all_spaces_that_have_such_a_network_come_to_networks_of_theirs(grid, play, config, tmp_path, space):
    for place, name in enumerate("ab"):
        rng = np.random.default_rng(place)
        y = np.arange(24) % 3
        x = rng.normal(size=(24, 1, 6, 6)).astype(np.float32)
        x[np.arange(24), 0, y] += 1
        np.savez(tmp_path / f"{name}.npz", x=x, y=y)
        grid.join(name=name, data=str(tmp_path / f"{name}.npz"))
    controller = {**DARTS, "max_skips": None, "recipes": 1}
    played = play(grid, config(space=SPACES[space], controller=controller, federation={"nodes": 2}), final=False)
    assert played.error is None
    stage = played.strategy.outcome.bilevel
    assert len(stage.found) == 2
    assert {trial.state.value for trial in played.search.trials} == {"finished"}
    assert all(stage.space.contains(trial.spec) for trial in played.search.trials)
    assert stage.found[0].kind == SPACES[space]["name"]


@pytest.mark.parametrize("placement", ["shared", "split", "capability"])
@pytest.mark.parametrize("order", ["first", "second", "mixed"])
def test_any_placement_and_any_order_goes(grid, play, config, placement, order):
    grid.people("abcd")
    controller = {**DARTS, "order": order, "mixing": "gumbel", "last_temperature": 0.2}
    settings = config(placement={"name": placement}, controller=controller)
    played = play(grid, settings, final=False)
    assert played.error is None
    assert {tuple(event["nodes"]) for event in played.kinds("round") if event["trial"].startswith("mixed")} == {
        tuple("abcd")
    }
    assert len(played.search.trials) == 2
    told = played.kinds("alphas")
    assert [event["temperature"] for event in told] == pytest.approx([1, 0.2 ** (1 / 3), 0.2 ** (2 / 3), 0.2])


def test_a_node_that_has_one_class_moves_the_architecture_nowhere(make_grid, play, config):
    """It holds a third of all examples and counts as it was sent, so the others' step from 0 is two thirds as long."""
    options = {**DARTS, "rounds": 1, "warm_up": 0, "levels": 1}
    none = replace(config().preprocessing, scope="none")
    settings = config(controller=options, preprocessing=none, federation={"nodes": None, "min_nodes": 2})
    found = []
    for alone in (False, True):
        grid = make_grid()
        grid.people("ab")
        if alone:
            grid.person("one", classes=1)
        played = play(grid, settings, final=False)
        assert played.error is None
        assert len(played.kinds("round")[0]["nodes"]) == 2 + alone
        (told,) = played.strategy.outcome.bilevel.history
        found.append([np.log(row) - np.mean(np.log(row)) for row in told.probabilities])  # alphas, but for a constant
    assert np.abs(found[0]).max() > 0.001
    np.testing.assert_allclose(found[1], np.array(found[0]) * 2 / 3, rtol=1e-4, atol=1e-7)


def test_who_was_held_out_has_no_part_in_what_is_found(grid, play, config):
    grid.people("abcd")
    played = play(grid, config(scoring={"held_out": 0.25}), final=False)
    (held_out,) = played.search.held_out
    assert all(held_out not in event["nodes"] for event in played.kinds("round"))
    assert not played.kinds("unable")


def test_the_start_comes_first(grid, play, config):
    grid.people("abc")
    spec = {"version": 1, "kind": "layered", "layers": [{"op": "linear", "width": 3, "dropout": 0.1}]}
    played = play(grid, config(search={"trials": 20, "concurrency": 2, "start": [spec]}), final=False)
    origins = [trial.origin for trial in sorted(played.search.trials, key=lambda trial: trial.number)]
    assert origins == ["given", "discretized", "discretized"]


def test_a_node_too_small_for_the_network_of_all_trains_what_fits_it(grid, play, config):
    """All options take 3 times as much as one: the limit lies between them."""
    grid.people("abc")
    small = grid.person("d")
    task_spec = config()
    whole = play(grid, task_spec, final=False)
    found = max(whole.search.trials, key=lambda trial: cost_of(trial.spec.lower(whole.strategy.outcome.task)).macs)
    macs = cost_of(found.spec.lower(whole.strategy.outcome.task)).macs
    assert macs < whole.kinds("proposed")[0]["macs"]
    grid.nodes[small].context.node_config["max-macs"] = macs
    played = play(grid, config(), final=False)
    assert played.error is None
    assert {event["node"] for event in played.kinds("unable")} == {"d"}
    assert all("d" not in event["nodes"] for event in played.kinds("round") if event["trial"] == "mixed-0000")
    assert all("d" in event["nodes"] for event in played.kinds("round") if event["trial"].startswith("trial"))


def test_where_nobody_can_hold_it_the_run_says_so_before_anything_is_trained(grid, play, config):
    for name in "ab":
        grid.nodes[grid.person(name)].context.node_config["max-macs"] = 60
    played = play(grid, config(federation={"nodes": 2, "patience": 0.1}), final=False)
    assert isinstance(played.error, ConfigError)
    assert "needs nodes that can hold the network of all options, but 2 of 2 cannot" in str(played.error)
    assert "max-macs" in str(played.error)


def test_a_budget_makes_it_shorter(grid, play, config):
    """It may spend 0.7 of what it would cost, of a budget that pays for all that follows."""
    grid.people("abcd")
    cost = result_of(config(), play(grid, config()).strategy.outcome, "finished")["mac_examples"]
    limit = 2 * sum(cost.values())
    part = 0.7 * cost["bilevel"] / limit
    search = config().search
    budget = replace(search.budget, mac_examples=limit)
    settings = config(search={"trials": 20, "concurrency": 2, "budget": budget}, controller={**DARTS, "part": part})
    played = play(grid, settings)
    assert played.error is None
    (told,) = played.kinds("shortened")
    assert told["of"] == 5
    assert 2 <= told["rounds"] < 5
    spent = result_of(settings, played.strategy.outcome, "finished")["mac_examples"]
    assert spent["bilevel"] <= 0.7 * cost["bilevel"]
    assert len(played.search.trials) == 2


def test_a_space_without_a_choice_is_found_out_before_a_simulation_starts(configure):
    space = {**SPACE, "norm": ["none"], "activation": ["relu"]}
    settings = configure(controller=DARTS, space=space)
    digits = type(settings.dataset)(name="synthetic", options={})
    with pytest.raises(ConfigError, match="needs a place with several options, got 'space=layered'"):
        rehearse(configure(controller=DARTS, space=space, dataset=digits))
