"""How many trials the older side has next."""

import pytest

from tests.benchmarks.defaults import STEP, TRIALS, more_trials


@pytest.mark.parametrize(
    ("tried", "cost", "expected"),
    [
        ([(0, 0.0)], 100.0, TRIALS),
        ([(0, 0.0), (27, 54.0)], 64.0, 27 + 6),  # 10 are missing, at 2 each, and a twentieth more: 5.25
        ([(0, 0.0), (27, 54.0)], 1e6, 27 * STEP),
        ([(0, 0.0), (27, 54.0), (37, 94.0)], 98.0, 37 + 2),  # the last 10 cost 4 each: 1.05
        ([(0, 0.0), (27, 54.0), (37, 64.0)], 98.0, 37 + 21),  # 34 / (64 / 37) x 1.05 = 20.6: no cheaper than the mean
    ],
)
def test_it_comes_to_a_cost_by_what_the_last_ones_cost_and_in_steps(
    tried: list[tuple[int, float]], cost: float, expected: int
) -> None:
    assert more_trials(tried, cost) == expected
