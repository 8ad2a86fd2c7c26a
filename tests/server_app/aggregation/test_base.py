import numpy as np
import pytest

from common.errors import SearchError
from server_app.aggregation.base import Aggregation


class Echo(Aggregation):
    """Gives back a fixed array."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def _start(self, weights):
        pass

    def _fold(self, node, update, num_examples, metrics):
        pass

    def _combine(self):
        return self.answer


def result_of(answer):
    echo = Echo(answer)
    echo.begin(np.zeros(2, np.float32))
    echo.add("node", np.ones(2, np.float32), 1, {})
    return echo.combined()


def test_a_result_is_rounded_to_float32_once():
    third = np.array([1 / 3, -1 / 3])
    assert result_of(third).dtype == np.float32
    assert np.array_equal(result_of(third), third.astype(np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
def test_a_rule_that_diverges_is_an_error_of_the_search(value):
    with pytest.raises(SearchError, match="Echo must give finite weights"):
        result_of(np.array([0.0, value]))
