import numpy as np
import pytest

from common.errors import ConfigError
from server_app.aggregation.fedadagrad import FedAdagrad

ETA, TAU = 0.05, 0.01


def test_two_rounds_follow_the_formula(play):
    fedadagrad = FedAdagrad(FedAdagrad.Options(ETA, TAU))
    x = np.array([1.0, -2.0, 0.5], np.float32)
    v = np.zeros(3)
    for u1, u2 in [([2, -2, 0], [0, -3, 0.5]), ([1, 1, 1], [3, -1, 0])]:
        got = play(fedadagrad, x, [(u1, 1), (u2, 3)])
        d = (np.array(u1) + 3 * np.array(u2)) / 4 - x
        v = v + d**2
        assert np.allclose(got, x + ETA * d / (np.sqrt(v) + TAU), rtol=1e-7, atol=0)
        x = got


def test_options_are_checked():
    with pytest.raises(ConfigError, match=r"aggregation\.tau must be above 0, got 0"):
        FedAdagrad.Options(tau=0)
