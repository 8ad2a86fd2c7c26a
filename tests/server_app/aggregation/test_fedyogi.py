import numpy as np
import pytest

from common.errors import ConfigError
from server_app.aggregation.fedyogi import FedYogi

ETA, BETA_1, BETA_2, TAU = 0.05, 0.8, 0.95, 0.01


def test_two_rounds_follow_the_formula(play):
    fedyogi = FedYogi(FedYogi.Options(ETA, BETA_1, BETA_2, TAU))
    x = np.array([1.0, -2.0, 0.5], np.float32)
    m = v = np.zeros(3)
    # The third weight hardly moves in the second round, so that there its v falls.
    for u1, u2 in [([2, -2, 8], [0, -3, 9]), ([1, 1, 0.6], [3, -1, 0.6])]:
        got = play(fedyogi, x, [(u1, 1), (u2, 3)])
        d = (np.array(u1) + 3 * np.array(u2)) / 4 - x
        m = BETA_1 * m + (1 - BETA_1) * d
        v = v - (1 - BETA_2) * d**2 * np.sign(v - d**2)
        expected = x + ETA * m / (np.sqrt(v) + TAU)
        assert np.allclose(got, expected, rtol=1e-7, atol=0)
        x = got


def test_options_are_checked():
    with pytest.raises(ConfigError, match=r"aggregation\.eta must be above 0, got 0"):
        FedYogi.Options(eta=0)
    with pytest.raises(ConfigError, match=r"aggregation\.beta_2 must lie in \[0, 1\), got 1"):
        FedYogi.Options(beta_2=1)
