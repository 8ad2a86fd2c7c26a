import numpy as np
import pytest

from common.errors import ConfigError, ProtocolError
from server_app.aggregation.qfedavg import QFedAvg


def test_two_rounds_follow_the_formula(play):
    rate, q = 0.2, 0.5
    qfedavg = QFedAvg(QFedAvg.Options(rate, q))
    x = np.array([1.0, -2.0, 0.5], np.float32)
    for replies in ([([2, -2, 0], 1, 0.5), ([0, -3, 0.5], 3, 2.0)], [([1, 1, 1], 2, 0.0), ([3, -1, 0], 2, 1.5)]):
        got = play(qfedavg, x, replies)
        deltas, norms = np.zeros(3), 0.0
        for update, _, loss in replies:
            d = (x - np.array(update)) / rate
            deltas = deltas + (loss + 1e-10) ** q * d
            norms += q * (loss + 1e-10) ** (q - 1) * np.sum(d**2) + (loss + 1e-10) ** q / rate
        assert np.allclose(got, x - deltas / norms, rtol=1e-6, atol=1e-7)
        x = got


def test_with_q_0_it_is_the_unweighted_mean(play):
    got = play(QFedAvg(QFedAvg.Options(q=0)), [0], [([1], 1, 0.1), ([4], 99, 5.0)])
    assert np.allclose(got, 2.5, rtol=1e-7, atol=0)


def test_the_node_with_the_higher_loss_weighs_more(play):
    low, high = ([-1.0], 5, 0.1), ([1.0], 5, 2.0)
    assert play(QFedAvg(), [0], [low, high]) > 0


@pytest.mark.parametrize("metrics", [{}, {"loss": float("nan")}, {"loss": float("inf")}, {"loss": -1.0}])
def test_a_reply_without_a_loss_is_refused(metrics):
    qfedavg = QFedAvg()
    qfedavg.begin(np.zeros(1, np.float32))
    with pytest.raises(ProtocolError, match="QFedAvg needs a finite loss"):
        qfedavg.add("node", np.ones(1, np.float32), 1, metrics)
    assert qfedavg.count == 0
    qfedavg.add("node", np.ones(1, np.float32), 1, {"loss": 1.0})
    assert qfedavg.combined() > 0


def test_options_are_checked():
    with pytest.raises(ConfigError, match=r"aggregation\.q must be 0 or more, got -1"):
        QFedAvg.Options(q=-1)
    with pytest.raises(ConfigError, match=r"aggregation\.client_learning_rate must be above 0, got 0"):
        QFedAvg.Options(client_learning_rate=0)
