import math

import numpy as np
import pytest

from common.architecture.rules import fraction, one_of, whole
from common.errors import ConfigError
from server_app.spaces.domains import (
    Choices,
    Interval,
    Sources,
    check_limits,
    checked,
    encode_choice,
    parse_choices,
    parse_domain,
)

RNG = np.random.default_rng


def test_choices_are_drawn_uniformly():
    domain, rng = Choices((3, 5, 9)), RNG(0)
    drawn = [domain.draw(rng) for _ in range(3000)]
    deviation = math.sqrt(3000 * 1 / 3 * 2 / 3)
    assert all(abs(drawn.count(value) - 1000) < 5 * deviation for value in (3, 5, 9))
    assert domain.size == 3
    assert {domain.other(5, rng) for _ in range(100)} == {3, 9}


def test_an_interval_holds_its_bounds():
    domain, rng = Interval(0.1, 0.3), RNG(0)
    drawn = np.array([domain.draw(rng) for _ in range(1000)])
    assert drawn.min() >= 0.1
    assert drawn.max() < 0.3
    assert abs(drawn.mean() - 0.2) < 5 * 0.2 / math.sqrt(12 * 1000)
    assert 0.1 in domain
    assert 0.3 in domain
    assert 0.31 not in domain
    assert domain.size == math.inf


def test_sources_of_a_skip():
    domain, rng = Sources.before(2, 0.3), RNG(0)
    assert domain.values == (None, -1, 0, 1)
    drawn = [domain.draw(rng) for _ in range(3000)]
    for value, share in ((None, 0.7), (-1, 0.1), (0, 0.1), (1, 0.1)):
        assert abs(drawn.count(value) - 3000 * share) < 5 * math.sqrt(3000 * share * (1 - share))
    assert Sources.before(2, 0.0).values == (None,)
    assert Sources.before(0, 0.5).values == (None, -1)


def test_how_likely_each_value_is():
    """A skip starts somewhere with probability 0.3, and then at each of three sources as likely."""
    assert Choices((3, 5, 9, 1)).probabilities() == (0.25,) * 4
    assert Sources.before(2, 0.3).probabilities() == pytest.approx((0.7, 0.1, 0.1, 0.1))
    assert Sources.before(2, 0.0).probabilities() == (1.0,)


@pytest.mark.parametrize(
    ("wide", "narrow", "covered"),
    [
        (Choices((1, 2)), Choices((2,)), True),
        (Choices((1, 2)), Choices((2, 3)), False),
        (Choices((0.1, 0.2)), Interval(0.1, 0.2), False),
        (Interval(0.1, 0.4), Interval(0.1, 0.3), True),
        (Interval(0.1, 0.4), Interval(0.0, 0.3), False),
        (Interval(0.1, 0.4), Choices((0.2, 0.4)), True),
    ],
)
def test_covers(wide, narrow, covered):
    assert wide.covers(narrow) == covered


def test_parse():
    assert parse_domain("width", [8, 16], whole(1, 99)) == Choices((8, 16))
    assert parse_domain("dropout", [0, 0.5], fraction, continuous=True) == Choices((0.0, 0.5))
    assert parse_domain("dropout", 0.2, fraction, continuous=True) == Choices((0.2,))
    assert parse_domain("dropout", {"low": 0, "high": 0.5}, fraction, continuous=True) == Interval(0.0, 0.5)


@pytest.mark.parametrize(
    ("values", "continuous", "message"),
    [
        ([], False, "space.x must be a list of choices, got "),
        ("relu", False, "space.x must be a list of choices, got 'relu'"),
        (3, False, "space.x must be a list of choices, got 3"),
        ([1, 1], False, "space.x must not repeat a choice"),
        ([1, 100], False, "space.x must be a whole number from 1 to 9, got 100"),
        ({"low": 1, "high": 2}, False, "space.x must be a list of choices, got"),
        ({"low": 1}, True, "one number or {low, high}, got"),
        ({"low": 1, "high": 2, "step": 1}, True, "one number or {low, high}, got"),
        ({"low": 2, "high": 2}, True, "space.x.low must be below its high"),
        ({"low": 0, "high": 2}, True, "space.x.low must be a whole number from 1 to 9, got 0"),
    ],
)
def test_a_wrong_domain_names_the_option(values, continuous, message):
    with pytest.raises(ConfigError, match=message):
        parse_domain("x", values, whole(1, 9), continuous=continuous)


def test_words_must_be_known():
    with pytest.raises(ConfigError, match=r"space.norm must be one of group, none, got 'layer'"):
        parse_domain("norm", ["group", "layer"], one_of(("group", "none")))


def test_a_finite_domain_has_no_range():
    assert parse_choices("x", [3, 1], whole(1, 9)) == Choices((3, 1))
    with pytest.raises(ConfigError, match=r"space\.x must be a list of choices"):
        parse_choices("x", {"low": 1, "high": 2}, whole(1, 9))


def test_one_value_is_checked_by_its_rule():
    assert checked("x", 3, whole(1, 9)) == 3
    with pytest.raises(ConfigError, match=r"space\.x must be a whole number from 1 to 9, got 0"):
        checked("x", 0, whole(1, 9))


def test_limits_are_1_or_more_or_none():
    check_limits(None, 1)
    with pytest.raises(ConfigError, match=r"space\.max_parameters must be 1 or more, got 0"):
        check_limits(0, None)


def test_words_are_one_hot_and_numbers_parts_of_the_greatest():
    assert encode_choice(Choices(("a", "b")), "b") == [0.0, 1.0]
    assert encode_choice(Choices((2, 8, 4)), 2) == [0.25]
    assert encode_choice(Choices((0,)), 0) == [0.0]
