"""Who scores, and who trains."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import ConfigError
from common.seeding import ranked
from server_app.scoring import Scoring, scoring_of

NODES = [f"node-{index}" for index in range(9)]
NAMES = st.lists(st.text(max_size=6), unique=True, min_size=3, max_size=40)
PARTS = st.none() | st.sampled_from([0.05, 0.1, 0.2, 0.25, 0.3, 0.5, 0.7, 0.99]) | st.floats(0.001, 0.999)


def test_all_score_by_default():
    assert Scoring().panel_of(NODES[::-1], seed=1) == tuple(NODES)


def test_a_panel_depends_on_the_seed_and_the_names_only():
    panel = Scoring(panel=3).panel_of(NODES, seed=1)
    assert len(panel) == 3
    assert panel == Scoring(panel=3).panel_of(NODES[::-1], seed=1)
    assert len({Scoring(panel=3).panel_of(NODES, seed) for seed in range(20)}) > 1


@given(NAMES, st.integers(1, 9), st.integers(0, 2**31))
@settings(max_examples=200)
def test_a_node_that_joins_takes_one_place_or_none(nodes, panel, seed):
    scoring = Scoring(panel=panel)
    before, after = scoring.panel_of(nodes[1:], seed), scoring.panel_of(nodes, seed)
    assert set(after) - set(before) <= {nodes[0]}
    assert len(set(before) - set(after)) <= 1
    assert len(after) == min(panel, len(nodes))


def test_a_node_that_leaves_changes_the_panel_by_one_name():
    scoring = Scoring(panel=3)
    panel = scoring.panel_of(NODES, seed=1)
    left = scoring.panel_of([name for name in NODES if name != panel[0]], seed=1)
    assert set(panel) - set(left) == {panel[0]}
    assert len(left) == 3


# ---------------------------------------------------------------- people held out


@pytest.mark.parametrize(
    ("part", "nodes", "number"),
    [
        (0.2, 21, 4),  # 4.2
        (0.2, 23, 5),  # 4.6
        (0.1, 25, 3),  # 2.5, and halves are rounded up
        (0.145, 100, 15),  # 14.5, where binary has a little less
        (0.5, 2, 1),
        (0.01, 5, 1),  # not nobody
        (0.99, 5, 4),  # not all
        (0.0, 1, 0),
    ],
)
def test_how_many_are_held_out(part, nodes, number):
    assert Scoring(held_out=part).num_held_out(nodes) == number


def test_a_fifth_of_ten_people_or_more_is_held_out_by_default():
    """0.2 of 10, 12 and 13: 2, 2.4 and 2.6."""
    assert [Scoring(held_out=None).num_held_out(nodes) for nodes in (1, 9, 10, 12, 13)] == [0, 0, 2, 2, 3]


def test_a_lone_node_cannot_be_held_out():
    with pytest.raises(ConfigError, match=r"a node that scores and one that trains, got 1\. .*scoring\.held_out=0"):
        Scoring(held_out=0.2).num_held_out(1)


def test_those_held_out_are_the_panel():
    assert len(Scoring(held_out=0.2).panel_of(NODES, seed=1)) == 2  # 1.8
    assert Scoring(held_out=None).panel_of(NODES, seed=1) == tuple(NODES)
    assert Scoring(held_out=0.2).panel_of(NODES, seed=1) == Scoring(panel=2).panel_of(NODES, seed=1)


@given(NAMES, PARTS, st.integers(0, 2**31))
@settings(max_examples=300)
def test_a_node_that_joins_changes_one_of_those_held_out_besides_their_number(nodes, part, seed):
    scoring = Scoring(held_out=part)
    numbers = scoring.num_held_out(len(nodes) - 1), scoring.num_held_out(len(nodes))
    if part is None and not all(numbers):
        return  # all score up to nine nodes
    before, after = set(scoring.panel_of(nodes[1:], seed)), set(scoring.panel_of(nodes, seed))
    assert (len(before), len(after)) == numbers
    assert 0 <= len(after) - len(before) <= 1
    if len(after) > len(before):
        assert before < after
    else:
        assert len(before - after) <= 1
        assert after - before <= {nodes[0]}


def test_the_panel_is_drawn_from_enough_nodes_for_its_scores_to_count():
    assert Scoring(panel=3, min_nodes=2).wanted == 3
    assert Scoring(held_out=0.2, min_nodes=3).wanted == 15
    assert Scoring(held_out=None, min_nodes=3).wanted == 15
    assert Scoring(held_out=0.3, min_nodes=1).wanted == 4  # 0.3 of 3 is 0.9
    assert Scoring(held_out=0.3).wanted == 0


# ---------------------------------------------------------------- what a configuration says


SIMULATED, DEPLOYED = {"name": "simulation"}, {"name": "deployment"}


@pytest.mark.parametrize(
    ("changes", "held_out"),
    [
        ({}, 0.0),
        ({"dataset": {"partition": "natural"}, "federation": SIMULATED}, None),
        ({"dataset": {"partition": "natural"}, "federation": DEPLOYED}, 0.0),  # which has no pool to deal out
        ({"dataset": {"people": True}, "federation": DEPLOYED}, None),
        ({"dataset": {"people": True}, "scoring": {"panel": 3}}, 0.0),
        ({"dataset": {"people": True}, "scoring": {"held_out": 0.0}}, 0.0),
        ({"scoring": {"held_out": 0.3}}, 0.3),
    ],
)
def test_people_are_held_out_by_default_and_nobody_else(configure, changes, held_out):
    assert scoring_of(configure(**changes)).held_out == held_out


def test_a_panel_of_those_who_train_does_not_go_with_people_held_out(configure):
    with pytest.raises(ConfigError, match=r"scoring\.panel is of nodes that train, .*held_out=0\.2.*, got 3"):
        configure(scoring={"panel": 3, "held_out": 0.2})
    kept = scoring_of(configure(scoring={"panel": 3, "held_out": 0.0}))
    assert (kept.panel, kept.held_out, kept.split) == (3, 0.0, "validation")


# ---------------------------------------------------------------- folds


@given(NAMES, st.integers(2, 3), st.integers(0, 2**31))
@settings(max_examples=200)
def test_folds_share_all_nodes_out_nearly_evenly(nodes, folds, seed):
    found = Scoring(folds=folds).folds_of(nodes, seed)
    assert sorted(name for fold in found for name in fold) == sorted(nodes)
    sizes = [len(fold) for fold in found]
    assert len(sizes) == folds
    assert max(sizes) - min(sizes) <= 1
    assert found == Scoring(folds=folds).folds_of(nodes[::-1], seed)


def test_folds_are_blocks_of_the_drawn_order():
    """Nine in four: 3, 2, 2 and 2."""
    order = ranked(NODES, 1, "folds")
    wanted = [order[:3], order[3:5], order[5:7], order[7:]]
    assert Scoring(folds=4).folds_of(NODES, seed=1) == tuple(tuple(sorted(fold)) for fold in wanted)
    assert Scoring(folds=4).folds_of(NODES, seed=2) != Scoring(folds=4).folds_of(NODES, seed=1)
    assert Scoring().folds_of(NODES, seed=1) == ()


def test_each_fold_takes_a_node():
    assert [len(fold) for fold in Scoring(folds=9).folds_of(NODES, seed=1)] == [1] * 9
    with pytest.raises(
        ConfigError, match=r"scoring\.folds=10 takes a node for each fold, got 9\. .*lower scoring\.folds"
    ):
        Scoring(folds=10).folds_of(NODES, seed=1)
    assert Scoring(folds=10, min_nodes=3).wanted == 10
    assert Scoring(folds=2, min_nodes=3).wanted == 3
    assert Scoring(folds=1).wanted == 0


def test_with_folds_nobody_is_held_out_for_good(configure):
    assert scoring_of(configure(dataset={"people": True}, scoring={"folds": 5})) == Scoring(folds=5)
    with pytest.raises(
        ConfigError, match=r"scoring\.folds=5 every node trains.* scoring\.held_out .*, got 0\.2\. Leave"
    ):
        configure(scoring={"folds": 5, "held_out": 0.2})
    with pytest.raises(ConfigError, match=r"scoring\.folds=5 every node trains.* scoring\.panel .*, got 3\. Leave"):
        configure(scoring={"folds": 5, "panel": 3})
    assert scoring_of(configure(scoring={"folds": 5, "held_out": 0.0})).folds == 5


def test_folds_do_not_go_with_a_placement_that_splits_the_nodes(configure):
    with pytest.raises(
        ConfigError, match=r"placement=split keeps nodes for one trial each, got 5\. Use placement=shared"
    ):
        scoring_of(configure(scoring={"folds": 5}, placement={"name": "split"}))
    assert scoring_of(configure(placement={"name": "split"})).folds == 1
