"""Nodes as they are: one has a single example, one has half of all, one has one class; the search goes on."""

from __future__ import annotations

import numpy as np
import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.errors import ConfigError, SearchError
from common.jobs import NodeReport
from common.seeding import generator
from common.tasks import Classification
from server_app.assignment import Assigner
from server_app.placement.base import Request
from server_app.placement.shared import Shared
from server_app.roster import Roster
from server_app.scores import NodeScore, Score, table_of
from server_app.scoring import Scoring, scoring_of
from server_app.trials import Trial, TrialState

BATCH = 16
SIZES = {"batch": BATCH + 1, "half": 100, "mono": 20, "one": 1, "two": 2, "usual": 40}
"""Examples of each node, by its name; mono has one class only, and the batches of the others are of 16."""


def join_all(grid, tmp_path):
    for name, size in SIZES.items():
        rng = generator(0, "uneven", name)
        y = np.zeros(size, np.int64) if name == "mono" else np.arange(size) % 3
        x = rng.normal(0, 0.5, (size, 4)).astype(np.float32)
        x[np.arange(size), y] += 1
        path = tmp_path / f"{name}.npz"
        np.savez(path, x=x, y=y, classes=np.array(["a", "b", "c"]))
        grid.join(name=name, data=str(path))


def specs(norm):
    layer = {"op": "linear", "width": 4, "activation": "relu", "norm": norm, "dropout": 0.0}
    return {"name": "listed", "specs": [{"version": 1, "kind": "layered", "layers": [layer]}]}


@pytest.mark.parametrize(("split", "norm"), [("random", "batch"), ("block", "none")])
def test_a_search_goes_on_with_nodes_of_all_sizes(grid, configure, play, tmp_path, norm, split):
    join_all(grid, tmp_path)
    dataset = {"split": split, "gap": 1 if split == "block" else 0}
    played = play(
        grid, configure(dataset=dataset, space=specs(norm), search={"trials": 1}, federation={"nodes": len(SIZES)})
    )
    assert played.error is None
    (refused,) = played.kinds("node_refused")
    assert refused["node"] == "one"
    assert "needs 2 examples, one to train on and one to score, and this one has too few, got 1" in refused["reason"]
    others = [name for name in SIZES if name != "one"]
    assert sorted(event["node"] for event in played.kinds("node")) == sorted(others)
    assert played.trainers()[0] == sorted(others)

    (search,) = played.kinds("search")
    # with a gap of 1 each of two examples is the other's neighbour
    only_trains = ["two"] if split == "block" else []
    assert search.get("unscored", 0) == len(only_trains)
    assert search["panel"] == sorted(set(others) - set(only_trains))
    assert played.search.trials[0].state is TrialState.FINISHED
    assert set(played.search.trials[0].scores[0].by_node) == set(others) - set(only_trains)

    (test,) = played.kinds("scored", split="test", trial="final-0000")
    held = {event["node"]: event["test"] for event in played.kinds("node")}
    assert held["two"] == 0  # both are needed
    assert test["metrics"]["nodes"] == len(others) - 1
    assert test["metrics"]["examples"] == sum(held.values())
    assert not played.kinds("refused")


def test_where_nobody_has_validation_examples_it_is_said(grid, configure, play, tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.zeros((2, 4), np.float32), y=np.arange(2))
    grid.join(name="a", data=str(path))
    played = play(grid, configure(dataset={"split": "block", "gap": 1}, federation={"nodes": 1, "patience": 0.1}))
    assert isinstance(played.error, ConfigError)
    assert "none of 1 node has validation examples. Give the nodes more data, or lower" in str(played.error)


def report(name, train, validation, test):
    return NodeReport(name, [4], Classification(3), train, validation, 1, 512, "cpu", num_test=test)


HELD = {"a": (9, 3, 0), "b": (9, 0, 3), "c": (0, 3, 3), "d": (9, 3, 3)}
"""Training, validation and test examples of each node."""


def assigner(**scoring):
    roster = Roster()
    for number, (name, held) in enumerate(HELD.items()):
        roster.admit(number, report(name, *held))
    made = Assigner(Shared(0, 1), Scoring(**scoring), lambda *_: "", seed=0, lacks=roster.lacks)
    made.begin([*HELD, "later"], list(HELD), 1, 1)
    return made


TRIAL, REQUEST, ALL = Trial(0, LayeredSpec()), Request(0, 0, 1, 1), [*HELD, "later"]


def test_who_has_no_training_examples_only_scores_and_who_has_no_validation_examples_only_trains():
    made = assigner()
    assert made.trainers(TRIAL, REQUEST, ALL, ALL, 1).nodes == (
        "a",
        "b",
        "d",
        "later",
    )  # who said nothing may have some
    assert made.panel == ("a", "c", "d")
    assert made.scorers(TRIAL, ALL, ALL).nodes == ("a", "c", "d")


def test_a_test_counts_from_more_than_half_of_those_that_have_test_examples():
    made = assigner(split="test")
    assert made.panel == ("a", "b", "c", "d")
    assert made.scorers(TRIAL, ALL, ALL, split="test").nodes == ("b", "c", "d")
    assert [made.least(split) for split in ("train", "validation", "test")] == [2, 2, 2]  # of 3, and not of 4
    assert made.min_scores == 3


def test_those_held_out_score_on_all_they_have():
    made = assigner(held_out=0.99)
    assert made.split == "all"
    assert len(made.panel) == 3
    assert made.judges("all") == made.panel


def test_a_test_that_nobody_has_is_no_reason_to_wait():
    made = Assigner(Shared(0, 1), Scoring("test"), lambda *_: "", 0, lacks=lambda _, split: split == "test")
    made.begin(["a"], ["a"], 1, 1)
    with pytest.raises(SearchError, match="No node of the panel has test examples"):
        made.scorers(TRIAL, ["a"], ["a"], split="test")


# ---------------------------------------------------------------- what a node weighs

HEAD = Classification(2)
BY_NODE = {"half": ({"accuracy": 0.9, "loss": 1.0}, 300), "small": ({"accuracy": 0.5, "loss": 2.0}, 100)}


def test_a_node_weighs_by_its_examples_or_as_any_other():
    by_examples, alike = (table_of(HEAD, BY_NODE, equally=equally) for equally in (False, True))
    assert by_examples["accuracy"] == pytest.approx((0.9 * 300 + 0.5 * 100) / 400)
    assert alike["accuracy"] == pytest.approx((0.9 + 0.5) / 2)
    assert alike["loss"] == pytest.approx(1.5)
    assert alike["examples"] == by_examples["examples"] == 400
    assert alike["nodes"] == 2


def test_scores_are_compared_by_the_same_weights_after_an_interruption_too():
    by_node = {
        name: NodeScore(metrics, size, metrics["accuracy"], -metrics["loss"], (1.0,))
        for name, (metrics, size) in BY_NODE.items()
    }
    score = Score(1, 1, 0.7, {}, {}, by_node, further=(1.0,), equally=True)
    for each in (score, Score.from_json(score.to_json())):
        weights = [{name: weight for name, (_, weight) in term.items()} for term in (*each.terms, each.ties)]
        assert weights == [{"half": 1, "small": 1}] * 3
    plain = Score(1, 1, 0.8, {}, {}, by_node)
    assert {name: weight for name, (_, weight) in plain.comparable.items()} == {"half": 300, "small": 100}
    assert "equally" not in plain.to_json()


def test_all_scores_of_a_run_weigh_alike(grid, configure, play):
    grid.people("ab")
    changes = {"search": {"trials": 1}, "federation": {"nodes": 2}}
    played = play(grid, configure(**changes, scoring={"weigh": "nodes"}))
    for event in played.kinds("scored"):
        trials = played.search.trials if event["split"] != "test" else played.strategy.outcome.final.trials
        trial = trials[int(event["trial"][-4:])]
        own = [one.metrics["loss"] for one in trial.scores[-1].by_node.values()]
        assert event["metrics"]["loss"] == pytest.approx(sum(own) / 2)
        assert trial.scores[-1].equally


def test_the_choice_is_examples_or_nodes(configure):
    assert not scoring_of(configure()).equally
    with pytest.raises(ConfigError, match=r"scoring\.weigh must be examples or nodes, got 'people'"):
        configure(scoring={"weigh": "people"})
