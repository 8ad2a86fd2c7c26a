import pytest

from common.architecture.cost import Cost
from common.errors import ConfigError
from server_app.objectives.base import Objective, Objectives

COST = Cost(parameters=1000, buffers=0, macs=2000, message_bytes=4000)


def test_an_objective_reads_a_metric_or_a_cost():
    assert Objective("loss", "min").value({"loss": 0.25}, COST) == 0.25
    assert Objective("macs", "min").value({}, COST) == 2000.0


def test_more_is_better_once_a_value_is_oriented():
    assert Objective("accuracy", "max").oriented(0.75) == 0.75
    assert Objective("loss", "min").oriented(0.25) == -0.25


@pytest.mark.parametrize("bounds", [{}, {"most": 3.0}, {"max": float("nan")}, {"max": 1.0, "least": 0.0}])
def test_a_constraint_that_is_none_is_refused(bounds):
    with pytest.raises(ConfigError, match=r"objective\.constraints\.macs must have a max, a min, or both"):
        Objectives.Options(constraints={"macs": bounds})
