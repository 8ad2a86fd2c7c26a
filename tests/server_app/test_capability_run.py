"""A whole run with placement=capability (Flower's grid, real ClientApps): who is asked, what is best for whom."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import torch
from rich.console import Console

from common.architecture.spec import ArchitectureSpec
from common.models.export import load_model
from server_app.build import build_strategy
from server_app.journal import Journal
from server_app.reporting.table import render
from server_app.results import write_results
from tests.server_app.test_resume import Killed, Run, story

SMALL = 7 * 5
"""MACs of the network with a hidden layer of 5, of 4 features and 3 classes; those with 8 need more."""
CAPABILITY = {"placement": {"name": "capability"}, "federation": {"nodes": 4}, "search": {"trials": 3}}


def join(grid):
    """Three nodes without limits, and a small one."""
    grid.people("abc")
    grid.person("d")
    node = list(grid.nodes.values())[-1]
    node.context.node_config["max-macs"] = SMALL


@pytest.fixture
def played(make_grid, configure, play):
    grid = make_grid()
    join(grid)
    return play(grid, configure(**CAPABILITY))


def test_a_small_node_trains_and_scores_what_it_can_hold(played):
    assert played.error is None
    wide = {t.number for t in played.search.trials if t.spec.layers[0].width == 8}
    assert len(wide) == 1
    for trial in played.search.trials:
        nodes = list("abc") if trial.number in wide else list("abcd")
        assert sorted(trial.last.by_node) == nodes
        assert played.trainers(f"trial-{trial.number:04d}") == [nodes, nodes]


def test_the_winner_of_each_class_is_a_model_of_its_own(played, configure, tmp_path, monkeypatch):
    """Whatever the scores of so short a training are, here the wide network wins."""
    outcome = played.strategy.outcome
    search = outcome.search
    best = next(t for t in search.trials if t.spec.layers[0].width == 8)
    monkeypatch.setattr(search, "_ranking", [best, *(t for t in search.ranking if t is not best)])
    result = write_results(tmp_path, configure(**CAPABILITY), outcome, "finished")
    first, second = result["classes"]
    assert (first["nodes"], second["nodes"]) == (list("abc"), ["d"])
    assert (first["winner"]["id"], first["model"]) == (best.spec.id, result["model"])
    assert (second["model"], second["winner"]["macs"] <= SMALL) == ({"stage": "search", "rounds": 2}, True)
    assert [one["limits"].get("max_macs") for one in (first, second)] == [None, SMALL]
    for number, one in enumerate((first, second), start=1):
        folder = tmp_path / "classes" / str(number)
        kept = json.loads((folder / "spec.json").read_text(encoding="utf-8"))
        assert kept["id"] == one["winner"]["id"] == ArchitectureSpec.from_dict(kept["spec"]).id
        assert kept["metadata"]["trained"] == one["model"]
        assert load_model(folder)(torch.zeros(2, 4)).shape == (2, 3)
    console = Console(record=True, width=160, file=io.StringIO())
    console.print(render(json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))))
    text = console.export_text()
    assert "The best for each class of nodes" in text
    assert f"max-macs {SMALL}" in text
    assert "a, b and c" in text


def test_with_other_placements_nodes_have_no_classes(make_grid, configure, play, tmp_path):
    grid = make_grid()
    join(grid)
    config = configure(**{**CAPABILITY, "placement": {"name": "shared"}, "search": {"trials": 1}})
    played = play(grid, config, final=False)
    assert all(trial.spec.layers[0].width <= 5 for trial in played.search.trials)
    assert write_results(tmp_path, config, played.strategy.outcome, "finished")["classes"] == []
    assert not (tmp_path / "classes").exists()


class Small(Run):
    """A run of which one node is small."""

    def join(self, grid):
        join(grid)


def test_killed_and_gone_on_with_it_ends_as_if_never_interrupted(configure, make_grid, tmp_path):
    config = configure(**CAPABILITY)
    whole = Small(config, tmp_path / "whole", make_grid)
    weights = whole.go()
    for kill_at in (len(whole.events) // 3, len(whole.events) // 2):
        run = Small(config, tmp_path / str(kill_at), make_grid)
        with pytest.raises(Killed):
            run.go(kill_at)
        np.testing.assert_array_equal(run.go(), weights)
        assert run.found() == whole.found()
        assert story(run.events) == story(whole.events)


def test_the_state_of_a_run_knows_how_fast_nodes_said_they_are(configure, make_grid):
    states = []
    grid = make_grid()
    join(grid)
    strategy = build_strategy(configure(**CAPABILITY), Journal(), save=lambda state_of: states.append(state_of()))
    strategy._closing = None
    strategy.start(grid=grid)
    speeds = states[-1]["met"]["speeds"]
    assert sorted(speeds["words"]) == list("abcd")
    assert min(speeds["words"].values()) > 10**6
    assert speeds["measured"] == {}, "with order=rounds no clock decides"


def test_slices_of_a_supernet_go_to_who_can_hold_them_and_each_class_has_its_own(
    configure, make_grid, play, tmp_path, monkeypatch
):
    widths = {"name": "layered", "max_layers": 1, "width": [3, 8], "operations": ["linear"], "norm": ["none"]}
    supernet = {"weights": {"name": "supernet", "rounds": 2, "paths": 2}, "fidelity": {"name": "one_shot"}}
    config = configure(**CAPABILITY, **supernet, space=widths)
    grid = make_grid()
    join(grid)
    played = play(grid, config)
    assert played.error is None
    for round_ in played.kinds("round"):
        if round_["trial"].startswith("path"):
            path = next(e for e in played.kinds("proposed", trial=round_["trial"]))
            assert ("d" in round_["nodes"]) is (path["macs"] <= SMALL)
    search = played.search
    best = max(search.trials, key=lambda t: search.controller.space.cost(t.spec).macs)
    monkeypatch.setattr(search, "_ranking", [best, *(t for t in search.ranking if t is not best)])
    first, second = write_results(tmp_path, config, played.strategy.outcome, "finished")["classes"]
    assert (first["winner"]["id"], second["nodes"]) == (best.spec.id, ["d"])
    weights = search.weights.weights(second["winner"]["trial"])
    model = load_model(tmp_path / "classes" / "2")
    np.testing.assert_array_equal(np.concatenate([p.detach().numpy().ravel() for p in model.parameters()]), weights)


def test_in_order_of_arrival_speeds_are_measured_and_the_run_ends(configure, make_grid, play):
    grid = make_grid()
    join(grid)
    config = configure(**{**CAPABILITY, "federation": {"nodes": 4, "order": "arrival"}})
    played = play(grid, config, final=False)
    assert played.error is None
    assert sorted(played.strategy._desk.roster.speeds.measured) == list("abcd")
    assert all(trial.state == "finished" for trial in played.search.trials)
