import numpy as np
import pytest

from common.errors import ConfigError, SearchError
from server_app.aggregation.bulyan import Bulyan


def test_averages_what_is_closest_to_the_median_of_the_selected(play):
    # n = 7 and f = 1. Krum sums the 4 smallest squared distances:
    #   0: 1 + 4 + 9 + 16 = 30      4: 1 + 4 + 9 + 16 = 30        90 and 99: thousands
    #   1: 1 + 1 + 4 + 9 = 15       3: 1 + 1 + 4 + 9 = 15          2: 1 + 1 + 4 + 4 = 10
    # The n - 2 f = 5 selected are 0, 1, 2, 3, 4; the n - 4 f = 3 closest to their median are 1, 2, 3.
    values = [99, 4, 0, 3, 1, 90, 2]
    got = play(Bulyan(), [0, 0], [([value, -value / 4], 10**index) for index, value in enumerate(values)])
    assert np.allclose(got, [2.0, -0.5], rtol=1e-7, atol=0)


def test_without_malicious_nodes_it_is_the_unweighted_mean(play):
    got = play(Bulyan(Bulyan.Options(0)), [0], [([1], 1), ([2], 50), ([9], 1)])
    assert got == 4


def test_needs_enough_honest_nodes(play):
    with pytest.raises(SearchError, match="Bulyan needs the updates of 7 nodes in a round, got 6"):
        play(Bulyan(), [0], [([value], 1) for value in range(6)])


def test_options_are_checked():
    with pytest.raises(ConfigError, match=r"aggregation\.num_malicious_nodes must be 0 or more, got -1"):
        Bulyan.Options(-1)
