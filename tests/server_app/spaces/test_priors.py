"""What an expert expects is drawn as often as the confidence says, and nothing is ruled out."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from common.seeding import generator
from server_app.spaces.domains import Choices
from server_app.spaces.priors import Expected, restricted

WIDTHS = Expected((8, 16, 32, 64), 16, 0.6)
DRAWS = 4000


def test_the_expected_value_is_drawn_by_belief_and_by_chance():
    rng = generator(0)
    counts = Counter(WIDTHS.draw(rng) for _ in range(DRAWS))
    for value, told in zip(WIDTHS.values, WIDTHS.probabilities(), strict=True):
        share = 0.6 * (value == 16) + 0.4 / 4
        assert told == pytest.approx(share)
        # within four deviations of a binomial's share
        assert counts[value] / DRAWS == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / DRAWS))


def test_a_mutation_takes_each_other_value_alike():
    rng = generator(0)
    counts = Counter(WIDTHS.other(8, rng) for _ in range(DRAWS))
    assert set(counts) == {16, 32, 64}
    for value in counts:
        assert counts[value] / DRAWS == pytest.approx(1 / 3, abs=4 * math.sqrt(2 / 9 / DRAWS))


def test_a_prior_stays_with_what_is_left_if_it_is_of_that():
    assert restricted(WIDTHS, (16, 32)) == Expected((16, 32), 16, 0.6)
    assert restricted(WIDTHS, (32, 64)) == Choices((32, 64))


def test_it_tells_what_is_expected_and_how_surely():
    assert str(WIDTHS) == "8, 16 (expected, 0.6), 32, 64"
