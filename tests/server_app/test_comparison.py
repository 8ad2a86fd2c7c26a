"""Scores of trials that not all the same nodes scored."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server_app.comparison import mean_by_node, over_common_nodes, standings


def test_where_nothing_is_missing_it_is_the_mean_weighted_by_examples():
    scores = [{"a": (0.5, 2), "b": (1.0, 6)}, {"b": (0.2, 6), "a": (0.6, 2)}]
    assert over_common_nodes(scores) == [pytest.approx((2 * 0.5 + 6 * 1.0) / 8), pytest.approx((6 * 0.2 + 2 * 0.6) / 8)]


def test_two_trials_differ_by_their_mean_difference_over_the_nodes_that_both_have():
    first = {"a": (0.9, 10), "b": (0.5, 30), "hard": (0.1, 100)}
    second = {"a": (0.8, 10), "b": (0.6, 30), "easy": (1.0, 100)}
    one, other = over_common_nodes([first, second])
    assert one - other == pytest.approx((10 * (0.9 - 0.8) + 30 * (0.5 - 0.6)) / 40)


def test_a_trial_counts_as_what_it_would_have_scored_on_all_nodes():
    """Nodes of 1 example, contributions that add up: what is missing is what they make it."""
    trials, nodes = np.array([0.1, 0.3, 0.2]), {"a": 0.5, "b": 0.1, "c": 0.3}
    table = [{name: (trial + part, 1) for name, part in nodes.items()} for trial in trials]
    del table[0]["a"], table[1]["b"], table[2]["c"]
    np.testing.assert_allclose(over_common_nodes(table), trials + np.mean(list(nodes.values())))


def test_trials_that_share_no_node_keep_their_own_means():
    table = [{"a": (0.5, 1), "b": (0.7, 1)}, {"c": (0.4, 3)}, {"c": (0.1, 3), "d": (0.3, 1)}]
    scores = over_common_nodes(table)
    assert scores[0] == pytest.approx(0.6)
    # those two share c, and are compared over c and d: on d the first would have scored 0.3 more, as on c
    assert scores[1:] == [pytest.approx((3 * 0.4 + 0.6) / 4), pytest.approx((3 * 0.1 + 0.3) / 4)]


def test_equal_trials_stay_equal_whatever_a_third_one_lacks():
    """Which of them is first is not for the rounding of the arithmetic to say."""
    for score in (0.1, 0.3, 0.7):
        twin = {"a": (score, 3), "b": (0.9 - score, 7), "c": (0.4, 11)}
        first, second, _ = over_common_nodes([twin, dict(twin), {"a": (0.2, 3), "c": (0.6, 11)}])
        assert first == second


def test_nothing_to_compare():
    assert over_common_nodes([]) == []


SIZES = dict(zip("abcdef", (1, 50, 3, 7, 20, 2), strict=True))
ROWS = st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1), min_size=1)
TABLES = st.lists(
    ROWS.map(lambda row: {name: (score, SIZES[name]) for name, score in row.items()}), min_size=1, max_size=6
)


@given(TABLES, st.randoms(use_true_random=False))
def test_it_depends_neither_on_the_order_of_the_trials_nor_on_that_of_the_nodes(table, random):
    order = list(range(len(table)))
    random.shuffle(order)
    mixed = [dict(sorted(table[index].items(), reverse=True)) for index in order]
    scores = over_common_nodes(table)
    np.testing.assert_allclose(over_common_nodes(mixed), [scores[index] for index in order], atol=1e-7)


@given(TABLES, st.floats(-1, 1))
def test_a_harder_panel_changes_no_difference(table, shift):
    """What is added to every score of one node, whoever gave it, is the node's and nobody's merit."""
    harder = [{name: (score + shift * (name == "a"), size) for name, (score, size) in row.items()} for row in table]
    with_b = [index for index, row in enumerate(table) if "b" in row]  # they share a node, so they are compared
    before, after = np.array(over_common_nodes(table)), np.array(over_common_nodes(harder))
    np.testing.assert_allclose(np.diff(after[with_b]), np.diff(before[with_b]), atol=1e-6)


def test_as_many_hits_are_a_tie_on_whichever_nodes_they_are():
    """7 of 49 and 1 of 3 are 8 hits of 52, and so are 6 and 2, and the other splits; in floats not always exactly."""
    table = [{"a": (hits / 49, 49), "b": ((8 - hits) / 3, 3)} for hits in (5, 6, 7, 8)]
    assert len(set(over_common_nodes(table))) == 1


def test_small_scores_differ_and_one_that_nearly_diverged_hides_no_difference():
    first, second, *_ = over_common_nodes([{"a": (1.5e-12, 4)}, {"a": (1.6e-12, 4)}])
    assert first < second
    first, second, _ = over_common_nodes([{"a": (3000.0, 4)}, {"a": (3000.5, 4)}, {"a": (1e29, 4)}])
    assert (first, second) == (3000.0, 3000.5)


def test_ties_are_compared_for_themselves_and_who_has_none_loses_them():
    values = [{"a": (0.5, 2), "b": (0.5, 2)}] * 2 + [{"a": (0.25, 2)}]
    ties = [{"b": (-1.0, 2)}, {}, {"a": (-0.5, 2), "b": (-0.75, 6)}]
    (first, tie), (second, none), (_, last) = standings(values, ties)
    assert first == second
    # the first and the third share b alone, and differ by what they differ there
    assert last - tie == pytest.approx(-0.75 + 1.0)
    assert none == -math.inf


def test_a_mean_by_node_is_of_nodes_that_have_all_scores():
    scores = [{"a": (0.5, 10), "b": (0.2, 30)}, {"b": (0.4, 20), "c": (0.9, 5)}]
    assert mean_by_node(scores) == {"b": (pytest.approx(0.3), 30)}
    assert mean_by_node([]) == {}
