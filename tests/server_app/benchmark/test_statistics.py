"""Regrets summed up, and compared in pairs."""

import numpy as np
import pytest

from server_app.benchmark.statistics import Summary, checkpoints, compare, regrets, summarise


@pytest.mark.parametrize(
    ("budget", "points"),
    [(200, [25, 50, 100, 200]), (10, [10]), (50, [25, 50]), (130, [25, 50, 100, 130]), (500, [25, 50, 100, 200, 500])],
)
def test_regrets_are_told_at_fixed_points_and_at_the_end(budget, points):
    assert checkpoints(budget) == points


def test_a_regret_is_what_is_missing_to_the_best():
    assert regrets([[1.0, 3.0], [2.0, 5.0]], 5.0).tolist() == [[4.0, 2.0], [3.0, 0.0]]


def test_a_summary_has_the_quartiles():
    assert summarise(np.array([9.0, 1.0, 2.0, 3.0, 4.0])) == Summary(mean=3.8, median=3.0, lower=2.0, upper=4.0)


def test_of_five_pairs_that_all_differ_one_way_each_sign_is_a_coin():
    # 2 of the 2**5 ways in which the signs may fall are as far out
    first = np.zeros(5)
    found = compare(np.array([-1.0, -2.0, -3.0, -4.0, -5.0]), first)
    assert found.difference == -3.0
    assert found.p == pytest.approx(2 / 32)


def test_pairs_without_a_difference_say_nothing():
    values = np.array([-1.0, 0.0, -2.0, 0.0, -3.0])
    assert compare(values, np.zeros(5)).p == pytest.approx(2 / 8)
    assert compare(values, np.zeros(5)).difference == pytest.approx(-6 / 5)
    assert compare(values, values).p == 1.0
