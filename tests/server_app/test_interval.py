"""The paired t-interval: quantiles against closed forms, and intervals by hand."""

from __future__ import annotations

import math

import pytest

from common.errors import ConfigError
from server_app.interval import paired, t_quantile


def test_quantiles_of_one_and_two_degrees_have_closed_forms():
    # of one degree, Cauchy's, the distribution is 2/pi atan(t); of two it is t / sqrt(2 + t^2)
    assert t_quantile(1) == pytest.approx(math.tan(0.475 * math.pi), rel=1e-12)
    assert t_quantile(2) == pytest.approx(0.95 * math.sqrt(2 / (1 - 0.95**2)), rel=1e-12)


def test_the_more_degrees_the_closer_to_the_normal_quantile():
    quantiles = [t_quantile(degrees) for degrees in (1, 2, 3, 10, 30, 100, 1000, 10**6)]
    assert quantiles == sorted(quantiles, reverse=True)
    assert quantiles[-1] == pytest.approx(1.959964, abs=1e-5)


def test_an_interval_by_hand():
    # differences 1, 2, 3: mean 2, deviation 1, so 2 -+ 4.3027 / sqrt(3)
    found = paired([11.0, 22.0, 33.0], [10.0, 20.0, 30.0])
    half = 0.95 * math.sqrt(2 / (1 - 0.95**2)) / math.sqrt(3)
    assert (found.mean, found.low, found.high) == pytest.approx((2, 2 - half, 2 + half))
    assert found.known


def test_what_both_have_in_common_does_not_widen_it():
    found = paired([0.1, 0.9, 0.5], [0.0, 0.8, 0.4])
    assert (found.low, found.high) == pytest.approx((0.1, 0.1))


def test_one_pair_has_no_interval():
    found = paired([3.0], [1.0])
    assert found.mean == 2
    assert not found.known
    assert math.isnan(found.low)
    assert math.isnan(found.high)


@pytest.mark.parametrize(("one", "other"), [([], []), ([1.0], [1.0, 2.0])])
def test_what_is_not_paired_is_refused(one, other):
    with pytest.raises(ConfigError, match="taken of pairs"):
        paired(one, other)
