"""What a regression can go by beside its own metric."""

import pytest

from common.architecture.cost import Cost
from common.errors import ConfigError
from common.tasks import Classification, Regression
from server_app.objectives.mae import Mae
from server_app.objectives.mse import Mse
from server_app.objectives.r2 import R2
from server_app.objectives.rmse import Rmse

COST = Cost(1, 0, 1, 4)
METRICS = {"mse": 4.0, "rmse": 2.0, "mae": 1.5, "r2": 0.75}


@pytest.mark.parametrize(
    ("cls", "metric", "sign"), [(Mse, "mse", -1), (Rmse, "rmse", -1), (Mae, "mae", -1), (R2, "r2", 1)]
)
def test_it_is_the_panels_metric_and_the_head_is_told_so(cls, metric, sign):
    assert cls(Regression()).ranking_value(METRICS, COST) == sign * METRICS[metric]
    wanted = cls.metric(cls.Options())(Regression())
    assert Regression().going_by(wanted).primary[0] == metric
    with pytest.raises(ConfigError, match=f"classification can go by .*got '{metric}'"):
        cls(Classification(3))


def test_where_no_node_has_an_r2_another_choice_is_named():
    R2(Regression()).check_ranks([{"mse": 1.0}, METRICS])
    with pytest.raises(ConfigError, match="Set objective=mse"):
        R2(Regression()).check_ranks([{"mse": 1.0}])
