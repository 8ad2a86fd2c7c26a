"""Which finalist wins, on scores whose means and errors can be worked out by hand."""

from __future__ import annotations

import math

import pytest

from server_app.selection import ALONE, BEST, CHEAPEST, Contender, choose, pooled_deviation


def contender(scores, macs=100, feasible=True):
    """A finalist that one node scored, once with each seed."""
    return Contender(tuple({"a": (score, 10)} for score in scores), feasible, macs)


def test_the_spread_is_one_for_all():
    # deviations 1, -1, and 2, -2, 0: squares sum to 10, with 1 + 2 degrees of freedom
    assert pooled_deviation([[1, 3], [7, 3, 5], [9]]) == pytest.approx(math.sqrt(10 / 3))
    assert pooled_deviation([[1], [2], []]) == 0.0


NOISY = (0.8, 0.9, 0.7)
"""Mean 0.8; deviations 0, 0.1 and -0.1, so the squares sum to 0.02."""


def test_of_those_that_cannot_be_told_from_the_best_the_cheapest_wins():
    # two such: s^2 = 0.04 / 4, so s = 0.1, and the error of a difference of two means of 3 is 0.1 sqrt(2 / 3) = 0.0816
    close = [score - 0.08 for score in NOISY]
    found = choose([contender(NOISY, 200), contender(close, 100)])
    assert (found.chosen, found.why) == (1, CHEAPEST)
    assert found.error == pytest.approx(0.1 * math.sqrt(2 / 3))
    assert found.means == pytest.approx((0.8, 0.72))
    assert found.scores[0] == pytest.approx(NOISY)
    far = [score - 0.083 for score in NOISY]
    found = choose([contender(NOISY, 200), contender(far, 100)])
    assert (found.chosen, found.why) == (0, BEST)
    assert found.error == pytest.approx(0.1 * math.sqrt(2 / 3)), "of the next best"


def test_where_the_best_is_the_cheapest_it_is_the_best():
    found = choose([contender([score - 0.01 for score in NOISY], 200), contender(NOISY, 100)])
    assert (found.chosen, found.why) == (1, BEST)


def test_a_little_cheaper_is_not_enough():
    close = [score - 0.01 for score in NOISY]
    assert choose([contender(NOISY, 200), contender(close, 101)]).why == BEST
    assert choose([contender(NOISY, 200), contender(close, 100)]).why == CHEAPEST
    assert choose([contender(NOISY, 200), contender(NOISY, 199)]).chosen == 1, "equals are told apart by any"


def test_equally_cheap_ones_go_by_the_mean_and_then_by_the_ranking():
    better = [score + 0.01 for score in NOISY]
    assert choose([contender(NOISY), contender(better)]).chosen == 1
    assert choose([contender(NOISY), contender(NOISY)]).chosen == 0


def test_with_one_seed_nothing_tells_of_noise_and_the_best_wins():
    found = choose([contender([0.80], 1), contender([0.81], 200)])
    assert (found.chosen, found.why, found.error) == (1, BEST, 0.0)


def test_one_that_breaks_a_constraint_comes_last():
    found = choose([contender([0.9, 0.9], feasible=False), contender([0.5, 0.5])])
    assert (found.chosen, found.why) == (1, ALONE)
    both = [contender([0.9, 0.9], feasible=False), contender([0.5, 0.5], feasible=False)]
    assert choose(both).chosen == 0, "where all do, the rule is the same"


def test_seeds_that_failed_are_not_missed_and_one_without_any_is_out():
    found = choose([contender([]), contender([0.6, 0.7]), contender([0.4], 1)])
    assert found.means == (None, pytest.approx(0.65), pytest.approx(0.4))
    # s^2 = 2 x 0.05^2 / 1; the error of a mean of 2 less one of 1 is s sqrt(1 / 2 + 1) = 0.087 < 0.25
    assert (found.chosen, found.why) == (1, BEST)
    assert found.error == pytest.approx(math.sqrt(2 * 0.05**2) * math.sqrt(1.5))
    assert (choose([contender([]), contender([0.6])]).why) == ALONE


def test_what_nodes_do_not_agree_on_cannot_be_told_either():
    """By 0.1, 0.0 and 0.2 better on three nodes that count alike: 0.1 with an error of 0.1 / sqrt(3); seeds agree."""
    better = {"a": (0.8, 10), "b": (0.7, 10), "c": (0.9, 10)}
    cheap = {"a": (0.7, 10), "b": (0.7, 10), "c": (0.7, 10)}
    found = choose([Contender((better,) * 2, True, 200), Contender((cheap,) * 2, True, 100)])
    assert (found.chosen, found.why) == (0, BEST)
    assert found.error == pytest.approx(0.1 / math.sqrt(3))
    # by 0.1, -0.1 and 0.15: 0.05, with deviations 0.05, -0.15 and 0.1 whose squares sum to 0.035
    unsure = {"a": (0.7, 10), "b": (0.8, 10), "c": (0.75, 10)}
    found = choose([Contender((better,) * 2, True, 200), Contender((unsure,) * 2, True, 100)])
    assert (found.chosen, found.why) == (1, CHEAPEST)
    assert found.error == pytest.approx(math.sqrt(3 / 2 * 0.035 / 9))


def test_a_node_that_is_missing_from_one_score_does_not_decide():
    """Node b is hard: all but one score know it. On what both have in common the second is better by 0.1."""
    one = Contender(({"a": (0.8, 10)}, {"a": (0.8, 10), "b": (0.2, 10)}), True, 100)
    other = Contender(({"a": (0.9, 10), "b": (0.3, 10)}, {"a": (0.9, 10), "b": (0.3, 10)}), True, 100)
    found = choose([one, other])
    assert found.chosen == 1
    assert found.means == (pytest.approx(0.5), pytest.approx(0.6))
