import pytest

from common.architecture.cost import Cost
from common.errors import ConfigError
from common.tasks import Classification
from server_app.objectives.average_precision import AveragePrecision

COST = Cost(1, 0, 1, 4)


def test_is_the_panel_s_average_precision():
    objectives = AveragePrecision(Classification(2))
    assert objectives.values({"accuracy": 0.25, "average_precision": 0.75}, COST) == {"average_precision": 0.75}
    head = Classification(2).going_by(AveragePrecision.metric(AveragePrecision.Options())(Classification(2)))
    assert (head.primary, head.rows[0].title) == (("average_precision", "max"), "test average precision")


def test_of_three_classes_there_is_none_and_that_is_said_before_the_search():
    with pytest.raises(ConfigError, match="got 'average_precision'"):
        AveragePrecision(Classification(3))


def test_a_threshold_is_nothing_to_go_by():
    names = Classification(2).metric_names
    assert {"brier", "ece", "average_precision"} <= names
    assert not [name for name in names if "threshold" in name]
    assert not {"brier", "ece", "average_precision"} & Classification(3).metric_names
