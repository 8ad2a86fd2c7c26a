import numpy as np
import pytest

from common.seeding import generator
from server_app.aggregation.fedmedian import FedMedian


@pytest.mark.parametrize("count", [1, 2, 5, 6])
def test_is_numpys_median_of_each_weight(play, count):
    updates = generator(0, "median", count).normal(size=(count, 30)).astype(np.float32)
    got = play(FedMedian(), np.zeros(30), [(update, 1) for update in updates])
    assert np.array_equal(got, np.median(updates.astype(np.float64), axis=0).astype(np.float32))


def test_one_bad_node_and_its_examples_do_not_matter(play):
    assert play(FedMedian(), [0], [([1], 1), ([2], 1), ([1e30], 10**6)]) == 2
