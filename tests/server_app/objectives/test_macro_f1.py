import pytest

from common.architecture.cost import Cost
from common.errors import ConfigError, ProtocolError
from common.tasks import Classification, Regression
from server_app.objectives.macro_f1 import MacroF1

COST = Cost(1, 0, 1, 4)
OBJECTIVES = MacroF1(Classification(3))


def test_is_the_panel_s_macro_f1():
    metrics = {"accuracy": 0.25, "macro_f1": 0.75}
    assert OBJECTIVES.values(metrics, COST) == {"macro_f1": 0.75}
    assert OBJECTIVES.ranking_value(metrics, COST) == 0.75


def test_a_regression_has_none_and_that_is_said_before_the_search():
    with pytest.raises(ConfigError, match=r"regression can go by .*mse.*got 'macro_f1'"):
        MacroF1(Regression((0.0,), (1.0,)))


def test_where_no_node_has_it_the_error_names_it():
    with pytest.raises(ProtocolError, match="finite 'macro_f1'"):
        OBJECTIVES.values({"accuracy": 0.25}, COST)
