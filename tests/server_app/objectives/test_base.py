import pytest

from common.architecture.cost import Cost
from common.errors import ConfigError
from common.tasks import Classification
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


def test_a_constraint_that_no_number_keeps_is_refused():
    Objectives.Options(constraints={"accuracy": {"min": 0.5, "max": 0.5}})
    told = r"objective\.constraints\.accuracy\.min must not be above its max, got 0\.9 and 0\.1\. Exchange them"
    with pytest.raises(ConfigError, match=told):
        Objectives.Options(constraints={"accuracy": {"min": 0.9, "max": 0.1}})


@pytest.mark.parametrize("bounds", [{"min": 2.0}, {"max": -0.1}])
def test_a_constraint_that_no_metric_can_keep_is_refused(bounds):
    with pytest.raises(
        ConfigError, match=r"accuracy lies in \[0, 1\], and objective\.constraints\.accuracy leaves nothing"
    ):
        Cheap(Classification(3), Cheap.Options(constraints={"accuracy": bounds}))
    Cheap(Classification(3), Cheap.Options(constraints={"accuracy": {"min": 1.0}}))


class Cheap(Objectives):
    """The accuracy, and then what it costs."""

    def terms(self):
        return (Objective("accuracy", "max"), Objective("macs", "min"))


def test_what_was_not_reported_is_left_out_where_nobody_is_ranked():
    objectives = Cheap(Classification(3))
    assert objectives.reported({"accuracy": 0.5}, COST) == {"accuracy": 0.5, "macs": 2000.0}
    assert objectives.reported({"loss": 0.5}, COST) == {"macs": 2000.0}


def test_a_panel_of_which_one_node_reports_what_ranks_is_enough():
    objectives = Cheap(Classification(3))
    objectives.check_ranks([{"loss": 0.5}, {"accuracy": 0.5}])
    with pytest.raises(ConfigError, match=r"No node of the panel.*'accuracy'.*Set objective=primary"):
        objectives.check_ranks([{"loss": 0.5}, {}])
