import pytest

from common.architecture.cost import Cost
from common.errors import ConfigError, ProtocolError
from common.tasks import Classification, Regression
from server_app.objectives.accuracy import Accuracy

SMALL, LARGE = Cost(1, 0, 1, 4), Cost(10**9, 0, 10**9, 4 * 10**9)
OBJECTIVES = Accuracy(Classification(3))


def test_is_the_panel_s_accuracy_whatever_the_cost():
    metrics = {"accuracy": 0.75, "loss": 0.4}
    assert OBJECTIVES.ranking_value(metrics, SMALL) == OBJECTIVES.ranking_value(metrics, LARGE) == 0.75


def test_a_regression_has_none_and_that_is_said_before_the_search():
    with pytest.raises(ConfigError, match=r"regression can go by .*mse.*got 'accuracy'"):
        Accuracy(Regression((0.0,), (1.0,)))


def test_names_what_is_missing():
    with pytest.raises(ProtocolError, match="'accuracy'"):
        OBJECTIVES.values({"loss": 0.4}, SMALL)
