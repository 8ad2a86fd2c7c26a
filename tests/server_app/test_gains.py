"""How far a gain may be off: differences worked out by hand."""

from __future__ import annotations

import json
import math

import pytest

from server_app.gains import Gain, clearest_gain_over, gain_over, over_seeds
from server_app.interval import t_quantile
from server_app.scores import NodeScore, Score


def score(accuracy, by_node=()):
    """A test with this accuracy; nodes have 10 examples each."""
    nodes = {name: NodeScore({"accuracy": value}, 10, value) for name, value in by_node}
    return Score(1, 1, accuracy, metrics={"accuracy": accuracy}, by_node=nodes)


def test_over_seeds_the_interval_is_that_of_a_paired_t_test():
    # differences 0.1, 0.3, 0.2: mean 0.2, deviation 0.1
    gain = over_seeds([0.1, 0.3, 0.2])
    half = t_quantile(2) * 0.1 / math.sqrt(3)
    assert (gain.mean, gain.low, gain.high) == pytest.approx((0.2, 0.2 - half, 0.2 + half))
    assert (gain.over, gain.number) == ("seeds", 3)
    assert gain.within_noise
    assert not gain.clear
    assert over_seeds([0.19, 0.21, 0.2]).clear


def test_tests_are_paired_by_seed_and_failed_ones_left_out():
    ours, theirs = [score(0.9), None, score(0.7), score(0.8)], [score(0.8), score(0.1), score(0.65), None]
    assert gain_over(ours, theirs, "accuracy", "max").values == pytest.approx((0.1, 0.05))
    assert gain_over([None], theirs[:1], "accuracy", "max") is None
    assert gain_over(ours, theirs, "mse", "min") is None


def test_what_no_seed_changes_stands_for_all():
    gain = gain_over([score(0.9), score(0.7)], [score(0.5)], "accuracy", "max")
    assert gain.values == pytest.approx((0.4, 0.2))


def test_where_less_is_better_a_lower_one_gains():
    assert gain_over([score(0.9)], [score(0.5)], "accuracy", "min").mean == pytest.approx(-0.4)


def test_one_seed_is_judged_over_the_nodes_that_both_have():
    # differences 0.1, 0.3, 0.2 on three nodes of one size; a fourth is in one test only
    ours = score(0.7, [("a", 0.6), ("b", 0.8), ("c", 0.7), ("d", 0.9)])
    theirs = score(0.5, [("a", 0.5), ("b", 0.5), ("c", 0.5)])
    gain = gain_over([ours], [theirs], "accuracy", "max")
    half = t_quantile(2) * 0.1 / math.sqrt(3)
    assert (gain.mean, gain.low, gain.high) == pytest.approx((0.2, 0.2 - half, 0.2 + half))
    assert (gain.over, gain.number) == ("nodes", 3)


def test_no_better_takes_that_neither_seeds_nor_nodes_show_it():
    """Three seeds gain 0.1, 0.2 and 0.3, which is within noise; each time all four nodes gain as much, within 0.01."""
    theirs = [score(0.1, [(name, 0.1) for name in "abcd"])]
    off = {"a": 0.01, "b": -0.01, "c": 0.0, "d": 0.0}
    ours = [score(0.1 + gain, [(name, 0.1 + gain + off[name]) for name in "abcd"]) for gain in (0.1, 0.2, 0.3)]
    assert gain_over(ours, theirs, "accuracy", "max").within_noise
    gain = clearest_gain_over(ours, theirs, "accuracy", "max")
    # deviations of the nodes from their mean: 0.01, -0.01, 0, 0
    half = t_quantile(3) * math.sqrt(2 * 0.01**2 / 3 / 4)
    assert (gain.mean, gain.low, gain.high) == pytest.approx((0.2, 0.2 - half, 0.2 + half))
    assert (gain.over, gain.number, len(gain.values)) == ("nodes", 4, 3)
    even = [score(0.1 + gain, [("a", 0.1 + 4 * gain), *((name, 0.1) for name in "bcd")]) for gain in (0.1, 0.101)]
    assert clearest_gain_over(even, theirs, "accuracy", "max").over == "seeds", "here these are the clearer"
    assert clearest_gain_over([None], theirs, "accuracy", "max") is None


def test_where_nothing_tells_of_noise_the_mean_stands_alone():
    gain = gain_over([score(0.7, [("a", 0.7)])], [score(0.5, [("a", 0.5)])], "accuracy", "max")
    assert (gain.mean, gain.low, gain.high, gain.over) == (pytest.approx(0.2), None, None, "nothing")
    assert gain.clear
    assert not gain.within_noise
    assert not Gain(-0.1, None, None, "nothing", 0, (-0.1,)).clear


def test_seeds_that_all_gain_as_much_tell_of_no_noise():
    """A twentieth of 20 examples is won with each seed: an interval of no width would call that certain."""
    gain = over_seeds([0.95 - 0.9, 0.75 - 0.7])
    assert (gain.mean, gain.low, gain.high, gain.over) == (pytest.approx(0.05), None, None, "nothing")
    # nodes differ by 0.15, -0.05 and 0.05 with both seeds: mean 0.05, deviation 0.1
    ours = [score(0.75, [("a", 0.85), ("b", 0.65), ("c", 0.75)])] * 2
    theirs = [score(0.7, [(name, 0.7) for name in "abc"])] * 2
    gain = gain_over(ours, theirs, "accuracy", "max")
    half = t_quantile(2) * 0.1 / math.sqrt(3)
    assert (gain.low, gain.high) == pytest.approx((0.05 - half, 0.05 + half))
    assert (gain.over, gain.number, gain.within_noise) == ("nodes", 3, True)


def test_models_that_are_worth_the_same_with_each_seed_are_within_noise():
    assert over_seeds([0.0, 0.0, 0.0]).within_noise


def test_it_survives_json():
    gain = over_seeds([0.1, 0.3])
    assert Gain.from_json(json.loads(json.dumps(gain.to_json()))) == gain
