import pytest

from common.architecture.cost import Cost
from common.errors import ConfigError, ProtocolError
from common.tasks import Classification, Regression
from server_app.objectives.balanced_accuracy import BalancedAccuracy

COST = Cost(1, 0, 1, 4)
OBJECTIVES = BalancedAccuracy(Classification(3))


def test_is_the_panel_s_balanced_accuracy():
    metrics = {"accuracy": 0.25, "balanced_accuracy": 0.75}
    assert OBJECTIVES.values(metrics, COST) == {"balanced_accuracy": 0.75}
    assert OBJECTIVES.ranking_value(metrics, COST) == 0.75


def test_a_regression_has_none_and_that_is_said_before_the_search():
    with pytest.raises(ConfigError, match=r"regression can go by .*mse.*got 'balanced_accuracy'"):
        BalancedAccuracy(Regression((0.0,), (1.0,)))


def test_where_no_node_has_it_the_error_names_it():
    with pytest.raises(ProtocolError, match="finite 'balanced_accuracy'"):
        OBJECTIVES.values({"accuracy": 0.25}, COST)
