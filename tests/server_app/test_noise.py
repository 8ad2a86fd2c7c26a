"""Differences of trials, and their noise."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server_app.comparison import over_common_nodes
from server_app.noise import clearly_better, difference, repetition_error

ONE = {"a": (0.9, 10), "b": (0.5, 30), "c": (0.4, 20), "hard": (0.1, 100)}
OTHER = {"a": (0.8, 10), "b": (0.6, 30), "c": (0.2, 20), "easy": (1.0, 100)}
SIZES = dict(zip("abcdef", (1, 50, 3, 7, 20, 2), strict=True))
SCORES = st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1)).map(
    lambda row: {name: (score, SIZES[name]) for name, score in row.items()}
)


def test_by_hand_over_the_nodes_in_common():
    # weights 1/6, 1/2 and 1/3 of the differences 0.1, -0.1 and 0.2
    mean = 0.1 / 6 - 0.1 / 2 + 0.2 / 3
    squares = ((0.1 - mean) / 6) ** 2 + ((-0.1 - mean) / 2) ** 2 + ((0.2 - mean) / 3) ** 2
    assert difference(ONE, OTHER) == (pytest.approx(mean), pytest.approx(math.sqrt(3 / 2 * squares)))


def test_with_equal_weights_it_is_the_error_of_a_paired_comparison():
    rng = np.random.default_rng(0)
    one, other = rng.random(9), rng.random(9)
    gaps = one - other
    mean, error = difference(*({str(n): (score, 7) for n, score in enumerate(scores)} for scores in (one, other)))
    assert mean == pytest.approx(gaps.mean())
    assert error == pytest.approx(statistics.stdev(gaps) / 3)


@given(SCORES, SCORES)
def test_the_difference_is_that_by_which_trials_are_ranked(one, other):
    mean, error = difference(one, other)
    if one.keys() & other.keys():
        first, second = over_common_nodes([one, other])
        assert first - second == pytest.approx(mean, abs=1e-7)
    assert difference(other, one) == (pytest.approx(-mean), pytest.approx(error))
    assert difference(dict(reversed(one.items())), other) == (mean, error)


def test_the_noise_is_that_of_drawing_other_nodes():
    """2000 times 20 nodes of differing sizes, whose differences spread by 0.1 whatever the size."""
    rng = np.random.default_rng(0)
    means, errors = [], []
    for _ in range(2000):
        sizes, gaps = rng.integers(5, 50, 20), rng.normal(0.02, 0.1, 20)
        one = {str(n): (gap, int(size)) for n, (gap, size) in enumerate(zip(gaps, sizes, strict=True))}
        mean, error = difference(one, {name: (0.0, size) for name, (_, size) in one.items()})
        means.append(mean)
        errors.append(error)
    assert np.mean(errors) == pytest.approx(np.std(means), rel=0.05)


@pytest.mark.parametrize(("common", "mean"), [({}, 0.0), ({"a": (0.5, 3)}, 0.25)])
def test_fewer_than_two_nodes_tell_nothing(common, mean):
    other = {name: (score - 0.25, size) for name, (score, size) in common.items()}
    assert difference({**common, "x": (1.0, 1)}, {**other, "y": (0.0, 1)}) == (mean, math.inf)


def test_repetitions_have_the_pooled_variance_of_a_difference():
    # 0.1 and 0.3 lie 0.1 around their mean, and 0.5, 0.6 and 0.7 up to 0.1 around theirs: 0.04 over 1 + 2 freedoms
    groups = [[0.1, 0.3], [0.5, 0.6, 0.7], [0.9]]
    assert repetition_error(groups) == pytest.approx(math.sqrt(2 * 0.04 / 3))
    assert repetition_error([[0.9], [0.1]]) is repetition_error([]) is None


def test_what_is_clear():
    mean, error = difference(ONE, OTHER)
    assert clearly_better(ONE, OTHER, 0.9 * mean / error)
    assert not clearly_better(ONE, OTHER, 1.1 * mean / error)
    assert not clearly_better(OTHER, ONE, 0.0)
    assert clearly_better(ONE, OTHER, 0.0)
    assert not clearly_better(ONE, ONE, 0.0)


def test_the_larger_noise_counts_and_the_known_one():
    mean, _ = difference(ONE, OTHER)
    assert not clearly_better(ONE, OTHER, 1.0, repetitions=1.1 * mean)
    assert clearly_better(ONE, OTHER, 0.1, repetitions=1.1 * mean)
    assert clearly_better({"": (0.5, 1)}, {"": (0.3, 1)}, 1.0, repetitions=0.1)


@pytest.mark.parametrize("other", [0.3, 0.5])
def test_where_no_noise_is_known_there_is_no_doubt(other):
    assert clearly_better({"a": (0.5, 9)}, {"a": (other, 9)}, 1.0)
    assert clearly_better({"a": (0.5, 9)}, {"b": (other, 9)}, 1.0)
    assert not clearly_better({"a": (0.5, 9)}, {"a": (other, 9)}, 1.0, repetitions=0.3)
