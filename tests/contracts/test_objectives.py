"""What all objectives must hold: run for each choice that the registry finds."""

import math

import pytest

from common.architecture.cost import Cost
from common.errors import ConfigError, ProtocolError
from common.tasks import Classification, Multilabel, Regression
from server_app.registry import choices, load_choice

pytestmark = pytest.mark.parametrize("name", choices("objective"))

COST = Cost(parameters=1000, buffers=0, macs=2000, message_bytes=4000)
# heads, with a table of metrics and that of a better model; an objective is tested with the first head that has it
CASES = [
    (
        Classification(3),
        {"accuracy": 0.75, "balanced_accuracy": 0.5, "macro_f1": 0.5, "auroc": 0.75, "loss": 0.5},
        {"accuracy": 0.8, "balanced_accuracy": 0.6, "macro_f1": 0.6, "auroc": 0.8, "loss": 0.4},
    ),
    (Classification(2), {"average_precision": 0.5, "loss": 0.5}, {"average_precision": 0.6, "loss": 0.4}),
    (
        Multilabel(2),
        {"average_precision": 0.5, "micro_f1": 0.5, "loss": 0.5},
        {"average_precision": 0.6, "micro_f1": 0.6, "loss": 0.4},
    ),
    (
        Regression(),
        {"mse": 4.0, "rmse": 2.0, "mae": 1.0, "r2": 0.5},
        {"mse": 1.0, "rmse": 1.0, "mae": 0.5, "r2": 0.75},
    ),
]


@pytest.fixture
def case(name):
    """Return the choice, and of the first head that has it: the head, a table and a better one."""
    cls = load_choice("objective", name)
    for head, metrics, better in CASES:
        try:
            cls(head)
        except ConfigError:
            continue
        return cls, head, metrics, better
    raise AssertionError("no head has this objective")


@pytest.fixture
def make(case):
    cls, head, _, _ = case
    return lambda **constraints: cls(head, cls.Options(constraints=constraints))


@pytest.fixture
def metrics(case):
    return case[2]


def test_values_are_finite_and_the_first_ranks(make, metrics):
    objectives = make()
    values = objectives.values(metrics, COST)
    assert list(values) == [term.name for term in objectives.terms()]
    assert all(isinstance(value, float) and math.isfinite(value) for value in values.values())
    assert abs(objectives.ranking_value(metrics, COST)) == abs(values[objectives.terms()[0].name])


def test_a_better_model_of_the_same_cost_ranks_no_worse(make, metrics, case):
    better = case[3]
    assert make().ranking_value(better, COST) >= make().ranking_value(metrics, COST)
    assert make().tie(better) > make().tie(metrics)


def test_a_node_ranks_where_it_reports_what_ranks(make, metrics):
    assert make().ranks(metrics)
    assert not make().ranks({})


def test_what_decides_a_tie_may_be_missing(make):
    objectives = make()
    assert objectives.tie({}) is None
    assert objectives.tie({objectives.head.tie[0]: math.nan}) is None


def test_metrics_that_diverged_or_are_missing_give_an_error(make, metrics):
    with pytest.raises(ProtocolError):
        make().values(dict.fromkeys(metrics, math.nan), COST)
    with pytest.raises(ProtocolError):
        make().values({}, COST)


def test_a_constraint_on_what_the_task_does_not_have_is_said_at_once(make):
    with pytest.raises(ConfigError, match=r"can go by .*macs.*got 'parametres'"):
        make(parametres={"max": 1.0})


def test_a_constraint_on_the_cost_is_known_before_training(make, metrics):
    assert make(macs={"max": 2000.0}).violations(COST) == []
    (reason,) = make(macs={"max": 1999.0}).violations(COST)
    assert reason == "macs must be 1999 at most, and is 2000"
    assert not make(macs={"max": 1999.0}).feasible(metrics, COST)


def test_a_constraint_on_a_metric_is_known_after_the_score(make, metrics):
    name = make().head.tie[0]
    objectives = make(**{name: {"min": 9.0}})
    assert objectives.violations(COST) == []
    assert not objectives.feasible(metrics, COST)
    assert objectives.feasible({**metrics, name: 9.0}, COST)
    assert not objectives.feasible({"accuracy": 1.0}, COST)
