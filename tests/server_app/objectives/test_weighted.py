import doctest

import pytest

from common.architecture.cost import Cost
from common.errors import ConfigError
from common.tasks import Classification, Regression
from server_app.objectives import weighted as module
from server_app.objectives.weighted import Weighted

HEAD = Classification(3)


def weighted(head=HEAD, **options):
    return Weighted(head, Weighted.Options(**options))


def cost(macs):
    return Cost(parameters=1000, buffers=0, macs=macs, message_bytes=4000)


def test_the_example():
    assert doctest.testmod(module).failed == 0
    assert doctest.testmod(module).attempted == 4


def test_a_halving_of_a_cost_is_worth_its_weight():
    """By default 0.01, which is one hundredth of the accuracy."""
    rank = weighted().ranking_value
    assert rank({"accuracy": 0.9}, cost(2048)) == pytest.approx(0.9 - 0.01 * 11)
    assert rank({"accuracy": 0.9}, cost(1024)) - rank({"accuracy": 0.9}, cost(2048)) == pytest.approx(0.01)
    dear = weighted(weights={"macs": 0.5, "primary": 2.0}).ranking_value
    assert dear({"accuracy": 0.9}, cost(1024)) == pytest.approx(2 * 0.9 - 0.5 * 10)


def test_less_of_an_error_is_better():
    rank = weighted(Regression()).ranking_value
    assert rank({"mse": 2.0}, cost(1)) == -2.0
    assert rank({"mse": 3.0}, cost(1)) < rank({"mse": 2.0}, cost(1))


def test_one_number_ranks_and_each_term_is_told_beside_it():
    objectives = weighted()
    assert [term.name for term in objectives.dimensions()] == ["weighted"]
    assert objectives.further({"accuracy": 0.9}, cost(1)) == ()
    values = objectives.values({"accuracy": 0.5}, cost(4))
    assert values == {"weighted": pytest.approx(0.48), "accuracy": 0.5, "macs": 4.0}
    assert objectives.ranks({"accuracy": 0.5})
    assert not objectives.ranks({"loss": 0.5})


@pytest.mark.parametrize("weight", [0.0, -0.5, float("inf")])
def test_weights_are_above_0(weight):
    with pytest.raises(ConfigError, match=r"objective\.weights\.macs must be above 0"):
        weighted(weights={"macs": weight})


def test_weights_are_of_terms():
    with pytest.raises(ConfigError, match="weights are of terms, got 'parameters'"):
        weighted(weights={"parameters": 0.5})
