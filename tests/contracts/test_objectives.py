"""What all objectives must hold: run for each choice that the registry finds."""

import math

import pytest

from common.architecture.cost import Cost
from common.errors import ConfigError, ProtocolError
from common.tasks import Classification
from server_app.registry import choices, load_choice

pytestmark = pytest.mark.parametrize("name", choices("objective"))

COST = Cost(parameters=1000, buffers=0, macs=2000, message_bytes=4000)
METRICS = {"accuracy": 0.75, "balanced_accuracy": 0.5, "macro_f1": 0.5, "auroc": 0.75, "loss": 0.5}
HEAD = Classification(3)


@pytest.fixture
def make(name):
    cls = load_choice("objective", name)
    return lambda **constraints: cls(HEAD, cls.Options(constraints=constraints))


def test_values_are_finite_and_the_first_ranks(make):
    objectives = make()
    values = objectives.values(METRICS, COST)
    assert list(values) == [term.name for term in objectives.terms()]
    assert all(isinstance(value, float) and math.isfinite(value) for value in values.values())
    assert abs(objectives.ranking_value(METRICS, COST)) == abs(values[objectives.terms()[0].name])


def test_a_better_model_of_the_same_cost_ranks_no_worse(make):
    better = {"accuracy": 0.8, "balanced_accuracy": 0.6, "macro_f1": 0.6, "auroc": 0.8, "loss": 0.4}
    assert make().ranking_value(better, COST) >= make().ranking_value(METRICS, COST)
    assert make().tie(better) > make().tie(METRICS)


def test_a_node_ranks_where_it_reports_what_ranks(make):
    assert make().ranks(METRICS)
    assert not make().ranks({})


def test_what_decides_a_tie_may_be_missing(make):
    assert make().tie({"accuracy": 1.0}) is None
    assert make().tie({"loss": math.nan}) is None


def test_metrics_that_diverged_or_are_missing_give_an_error(make):
    with pytest.raises(ProtocolError):
        make().values(dict.fromkeys(METRICS, math.nan), COST)
    with pytest.raises(ProtocolError):
        make().values({}, COST)


def test_a_constraint_on_what_the_task_does_not_have_is_said_at_once(make):
    with pytest.raises(ConfigError, match=r"classification can go by accuracy, .*got 'parametres'"):
        make(parametres={"max": 1.0})


def test_a_constraint_on_the_cost_is_known_before_training(make):
    assert make(macs={"max": 2000.0}).violations(COST) == []
    (reason,) = make(macs={"max": 1999.0}).violations(COST)
    assert reason == "macs must be 1999 at most, and is 2000"
    assert not make(macs={"max": 1999.0}).feasible(METRICS, COST)


def test_a_constraint_on_a_metric_is_known_after_the_score(make):
    objectives = make(macro_f1={"min": 0.6})
    assert objectives.violations(COST) == []
    assert not objectives.feasible(METRICS, COST)
    assert objectives.feasible({**METRICS, "macro_f1": 0.6}, COST)
    assert not objectives.feasible({"accuracy": 1.0}, COST)
