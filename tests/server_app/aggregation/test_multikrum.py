import numpy as np
import pytest

from common.errors import ConfigError
from server_app.aggregation.multikrum import MultiKrum


def test_averages_the_selected_by_examples(play):
    # n - f - 2 = 2 closest: scores 1 + 4 (0), 1 + 1 (1), 1 + 1 (2), 1 + 4 (3), and that of 90 is huge.
    updates = [([0], 1), ([1], 1), ([2], 3), ([3], 5), ([90], 1000)]
    got = play(MultiKrum(MultiKrum.Options(1, 2)), [0], updates)
    assert got == np.float32((1 * 1 + 2 * 3) / 4)


@pytest.mark.parametrize(("malicious", "selected", "minimum"), [(0, 1, 3), (1, 3, 5), (1, 4, 5), (1, 6, 7), (2, 3, 7)])
def test_the_minimum_allows_to_leave_the_malicious_out(malicious, selected, minimum):
    assert MultiKrum(MultiKrum.Options(malicious, selected)).minimum == minimum


def test_options_are_checked():
    with pytest.raises(ConfigError, match=r"aggregation\.num_malicious_nodes must be 0 or more, got -1"):
        MultiKrum.Options(-1)
    with pytest.raises(ConfigError, match=r"aggregation\.num_nodes_to_select must be 1 or more, got 0"):
        MultiKrum.Options(1, 0)
