import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from server_app.surrogates.acquisition import expected_improvement, per_cost, upper_bound


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (0.5, 0.3), (-2.0, 0.7), (1.5, 0.01)])
def test_the_expected_improvement_is_the_mean_of_what_is_better(mean, deviation):
    best = 0.4
    expected, _ = quad(
        lambda f: (f - best) * norm.pdf(f, mean, deviation), best, max(best, mean) + 12 * deviation, epsabs=1e-12
    )
    (found,) = expected_improvement(np.array([mean]), np.array([deviation]), best)
    assert found == pytest.approx(expected, abs=1e-9)


def test_of_what_is_known_the_improvement_is_the_difference():
    assert expected_improvement(np.array([1.0, 3.0]), np.zeros(2), 2.0) == pytest.approx([0.0, 1.0])


def test_of_as_much_hope_the_cheaper_is_first():
    hope = per_cost(np.array([2.0, 2.0, 3.0]), np.array([4.0, 1.0, 6.0]))
    assert hope.tolist() == [0.5, 2.0, 0.5]


def test_a_bound_is_as_many_deviations_above_the_mean():
    assert upper_bound(np.array([1.0, 2.0]), np.array([0.5, 0.0]), 3.0).tolist() == [2.5, 2.0]
