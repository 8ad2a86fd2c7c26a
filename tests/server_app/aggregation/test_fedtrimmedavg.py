import numpy as np
import pytest

from common.errors import ConfigError
from server_app.aggregation.fedtrimmedavg import FedTrimmedAvg


@pytest.mark.parametrize(
    ("beta", "expected"),
    [
        (0.2, [3.0, 3.0]),  # floor(0.2 * 5) = 1 out at each end: (2 + 3 + 4) / 3 and (1 + 3 + 5) / 3
        (0.4, [3.0, 3.0]),  # 2 out at each end: the median
        (0.19, [22.0, 2.0]),  # none: (1 + 2 + 3 + 4 + 100) / 5 and (-9 + 1 + 3 + 5 + 10) / 5
    ],
)
def test_leaves_the_extremes_of_each_weight_out(play, beta, expected):
    updates = [[1, 10], [100, 1], [2, -9], [4, 5], [3, 3]]
    got = play(FedTrimmedAvg(FedTrimmedAvg.Options(beta)), [0, 0], [(update, 7) for update in updates])
    assert np.allclose(got, expected, rtol=1e-7, atol=0)


@pytest.mark.parametrize("beta", [-0.1, 0.5, float("nan")])
def test_beta_is_checked(beta):
    with pytest.raises(ConfigError, match=r"aggregation\.beta must lie in \[0, 0\.5\), got"):
        FedTrimmedAvg.Options(beta)
