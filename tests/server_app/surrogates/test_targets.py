import numpy as np
import pytest
from scipy.stats import norm

from server_app.surrogates.targets import Reading, at_top, scalarised, standardised, targets

ONE = np.ones(1)


def test_a_score_of_a_lower_rung_is_brought_to_the_highest_by_those_that_went_on():
    """Both gained 0.2: so the slope is 1 whatever it was believed to be, and nobody lies off the line."""
    values, extra = at_top([{1: 0.5, 2: 0.7}, {1: 0.6, 2: 0.8}, {1: 0.4}])
    assert values == pytest.approx([0.7, 0.8, 0.6])
    assert extra == pytest.approx([0, 0, 0])


def test_the_slope_of_a_step_is_drawn_to_1_by_two_trials():
    """From 0 and 1 to 0 and 2 the slope is 2; with as many trials of slope 1 it is 3/2, and each lies 1/4 off."""
    values, extra = at_top([{1: 0.0, 2: 0.0}, {1: 1.0, 2: 2.0}, {1: 2.0}])
    assert values == pytest.approx([0.0, 2.0, 1.0 + 1.5 * (2.0 - 0.5)])
    assert extra == pytest.approx([0, 0, 0.25**2])


def test_steps_follow_each_other_and_their_noise_adds_up():
    """The second step has one trial that took it, so it is a shift."""
    curves = [{1: 0.0, 2: 0.0, 3: 5.0}, {1: 1.0, 2: 2.0}, {1: 2.0}]
    values, extra = at_top(curves)
    assert values == pytest.approx([5.0, 7.0, 8.25])
    assert extra == pytest.approx([0, 0, 0.0625])


def test_who_skipped_a_rung_counts_with_what_it_has():
    values, _ = at_top([{2: 3.0}, {1: 1.0}])
    assert values == pytest.approx([3.0, 1.0])


def test_scores_are_read_by_rank_and_by_distance():
    """The quantiles of four are those at 1/8, 3/8, 5/8, 7/8; the median is 3, and nothing lies 2 x (10 - 3) below."""
    values = np.array([1.0, 2.0, 4.0, 10.0])
    ranks, plain = norm.ppf([1 / 8, 3 / 8, 5 / 8, 7 / 8]), values - values.mean()
    both = ranks / ranks.std() + plain / plain.std()
    assert standardised(values) == pytest.approx(both / both.std())


def test_a_broken_network_does_not_make_all_others_alike():
    """Without a cut the least of all would be 4.9 deviations below, and the others within a tenth of one."""
    values = np.array([*np.linspace(90, 94, 24), 10.0])
    found = standardised(values)
    assert found[23] - found[0] > 2.5
    assert found[24] == found.min() > -4


def test_equal_scores_say_nothing():
    assert standardised(np.full(5, 0.3)).tolist() == [0.0] * 5


def test_who_failed_or_breaks_a_constraint_is_as_good_as_the_worst_of_the_others():
    readings = [Reading({1: (0.9,)}), Reading({1: (0.5,)}), Reading({}), Reading({1: (0.95,)}, 0.5)]
    values, extra = targets(readings, ONE)
    assert values[0] > values[1] == values[2] == values[3]
    assert extra.tolist() == [0.0] * 4


def test_where_all_break_a_constraint_less_of_it_is_better():
    values, _ = targets([Reading({1: (0.9,)}, 0.5), Reading({1: (0.1,)}, 0.1), Reading({})], ONE)
    assert values[1] > values[0] == values[2]


def test_noise_of_lower_rungs_is_told_in_the_variance_of_the_scores():
    curves = [{1: 0.0, 2: 0.0}, {1: 1.0, 2: 2.0}, {1: 2.0}]
    at, noise = at_top(curves)
    _, extra = targets([Reading({rung: (score,) for rung, score in one.items()}) for one in curves], ONE)
    assert extra == pytest.approx(noise / at.var())


def test_weights_say_which_objective_counts():
    points = np.array([[0.0, 4.0], [1.0, 3.0], [3.0, 2.5], [4.0, 0.0]])
    first, second = scalarised(points, np.array([1.0, 0.0])), scalarised(points, np.array([0.0, 1.0]))
    assert np.argsort(first).tolist() == [0, 1, 2, 3]
    assert np.argsort(second).tolist() == [3, 2, 1, 0]
    assert np.argmax(scalarised(points, np.array([0.5, 0.5]))) == 2


def test_the_best_of_several_objectives_misses_least_of_the_worst_one():
    """By hand: the greatest weighted distance from the best of each, and a twentieth of their sum."""
    points, weights = np.array([[0.0, 2.0], [1.0, 1.0], [2.0, 0.0]]), np.array([0.25, 0.75])
    column = standardised(np.array([0.0, 1.0, 2.0]))
    missing = weights * (column.max() - np.stack([column, column[::-1]], axis=1))
    assert scalarised(points, weights) == pytest.approx([-max(row) - 0.05 * sum(row) for row in missing.tolist()])
