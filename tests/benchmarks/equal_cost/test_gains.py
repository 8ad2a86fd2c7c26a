import pytest

from tests.benchmarks.equal_cost.arms import Reached
from tests.benchmarks.equal_cost.gains import gain, in_figures, in_words, overall


def one(value: float, macs: int = 10, *, from_portfolio: bool = False) -> Reached:
    return Reached("accuracy", value, macs, from_portfolio, 1.0, 1.0)


def test_a_gain_is_paired_by_seed() -> None:
    found = gain("some", [one(0.9, 30), one(0.7, 10)], [one(0.8), one(0.8)])
    assert found.values == pytest.approx((0.1, -0.1))
    assert found.mean == pytest.approx(0)
    assert found.spread == pytest.approx(0.02**0.5)  # of two values: their difference over the root of 2
    assert found.macs == (20, 10)


def test_an_entry_of_the_portfolio_gains_nothing_over_it() -> None:
    ours = [one(0.9, from_portfolio=True), one(0.9, from_portfolio=True), one(0.9)]
    theirs = [one(0.8, from_portfolio=True), one(0.8), one(0.8, from_portfolio=True)]
    assert gain("some", ours, theirs).values == pytest.approx((0, 0.1, 0.1))


def test_but_a_loss_against_it_stays_one() -> None:
    found = gain("some", [one(0.7, from_portfolio=True)], [one(0.8, from_portfolio=True)])
    assert found.values == pytest.approx((-0.1,))


def test_one_seed_has_no_spread() -> None:
    assert gain("some", [one(0.9)], [one(0.8)]).spread is None


def test_every_data_set_counts_once() -> None:
    many = gain("many", [one(0.8)] * 9, [one(0.7)] * 9)
    few = gain("few", [one(0.5)], [one(0.8)])
    found = overall([many, few])
    assert found.mean == pytest.approx((0.1 - 0.3) / 2)
    # two means 0.4 apart: standard error 0.2, times the 12.706 of one degree of freedom
    assert found.low == pytest.approx(-0.1 - 12.7062 * 0.2, abs=1e-3)
    assert found.high == pytest.approx(-0.1 + 12.7062 * 0.2, abs=1e-3)


def test_a_gain_in_figures_and_in_words() -> None:
    two = gain("two", [one(0.9), one(0.8)], [one(0.8), one(0.8)])
    single = gain("one", [one(0.9)], [one(0.8)])
    assert (in_figures(two), in_figures(single)) == ("+0.0500 (0.0707)", "+0.1000")  # 0.1 / sqrt(2)
    assert in_words([single], "cell", "portfolio") == "gain of cell over portfolio: +0.1000 over 1 data set"
    # means 0.05 and 0.1: standard error 0.025, times 12.706
    assert in_words([two, single], "cell", "portfolio") == (
        "gain of cell over portfolio: +0.0750 over 2 data sets, 95 % interval -0.2427 to +0.3927, by data set"
    )
