import numpy as np
import pytest

from common.errors import ConfigError
from server_app.aggregation.fedavgm import FedAvgM

ROUNDS = [([2, -2, 0], [0, -3, 0.5]), ([1, 1, 1], [3, -1, 0]), ([2, 2, 2], [2, 2, 2])]


@pytest.mark.parametrize(("rate", "momentum"), [(1.0, 0.9), (0.5, 0.9), (0.5, 0.0)])
def test_rounds_follow_the_formula(play, rate, momentum):
    fedavgm = FedAvgM(FedAvgM.Options(rate, momentum))
    x = np.array([1.0, -2.0, 0.5], np.float32)
    v = np.zeros(3)
    for u1, u2 in ROUNDS:
        got = play(fedavgm, x, [(u1, 1), (u2, 3)])
        v = momentum * v + x - (np.array(u1) + 3 * np.array(u2)) / 4
        assert np.allclose(got, x - rate * v, rtol=1e-7, atol=1e-7)
        x = got


def test_without_momentum_it_is_fedavg(play):
    assert play(FedAvgM(FedAvgM.Options(1.0, 0.0)), [9], [([1], 1), ([3], 3)]) == np.float32(10 / 4)


def test_each_round_starts_from_the_weights_it_is_given(play):
    fedavgm = FedAvgM(FedAvgM.Options(0.5, 0.5))
    assert play(fedavgm, [0], [([4], 1)]) == 2  # v = 0 - 4
    # Not from 2, where the first round ended: v = 0.5 * -4 + (10 - 11) = -3.
    assert play(fedavgm, [10], [([11], 1)]) == 11.5


def test_options_are_checked():
    with pytest.raises(ConfigError, match=r"aggregation\.server_learning_rate must be above 0, got -1"):
        FedAvgM.Options(server_learning_rate=-1)
    with pytest.raises(ConfigError, match=r"aggregation\.server_momentum must lie in \[0, 1\), got 1"):
        FedAvgM.Options(server_momentum=1)
