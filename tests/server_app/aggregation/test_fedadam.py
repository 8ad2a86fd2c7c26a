import numpy as np
import pytest

from common.errors import ConfigError
from server_app.aggregation.fedadam import FedAdam

ETA, BETA_1, BETA_2, TAU = 0.05, 0.8, 0.95, 0.01


def test_two_rounds_follow_the_formula(play):
    fedadam = FedAdam(FedAdam.Options(ETA, BETA_1, BETA_2, TAU))
    x = np.array([1.0, -2.0, 0.5], np.float32)
    m = v = np.zeros(3)
    for t, (u1, u2) in enumerate([([2, -2, 0], [0, -3, 0.5]), ([1, 1, 1], [3, -1, 0])], start=1):
        got = play(fedadam, x, [(u1, 1), (u2, 3)])
        d = (np.array(u1) + 3 * np.array(u2)) / 4 - x
        m = BETA_1 * m + (1 - BETA_1) * d
        v = BETA_2 * v + (1 - BETA_2) * d**2
        eta_t = ETA * np.sqrt(1 - BETA_2 ** (t + 1)) / (1 - BETA_1 ** (t + 1))
        expected = x + eta_t * m / (np.sqrt(v) + TAU)
        assert np.allclose(got, expected, rtol=1e-7, atol=0)
        x = got


@pytest.mark.parametrize("option", ["eta", "tau"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_rates_must_be_positive(option, value):
    with pytest.raises(ConfigError, match=rf"aggregation\.{option} must be above 0, got"):
        FedAdam.Options(**{option: value})


@pytest.mark.parametrize("option", ["beta_1", "beta_2"])
@pytest.mark.parametrize("value", [1.0, -0.1, float("nan")])
def test_decays_are_fractions(option, value):
    with pytest.raises(ConfigError, match=rf"aggregation\.{option} must lie in \[0, 1\), got"):
        FedAdam.Options(**{option: value})
