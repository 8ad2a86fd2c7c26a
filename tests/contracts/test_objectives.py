"""What every objective must hold: run for each choice that the registry finds."""

import math

import pytest

from common.architecture.cost import Cost
from common.errors import ProtocolError
from server_app.registry import choices, load_choice

pytestmark = pytest.mark.parametrize("name", choices("objective"))

COST = Cost(parameters=1000, buffers=0, macs=2000, message_bytes=4000)
METRICS = {"accuracy": 0.75, "balanced_accuracy": 0.5, "macro_f1": 0.5, "loss": 0.5}


@pytest.fixture
def objective(name):
    return load_choice("objective", name)()


def test_a_score_is_a_finite_number(objective):
    score = objective.score(METRICS, COST)
    assert isinstance(score, float)
    assert math.isfinite(score)


def test_a_better_model_of_the_same_cost_scores_no_less(objective):
    better = {"accuracy": 0.8, "balanced_accuracy": 0.6, "macro_f1": 0.6, "loss": 0.4}
    assert objective.score(better, COST) >= objective.score(METRICS, COST)


def test_metrics_that_diverged_or_are_missing_give_an_error(objective):
    with pytest.raises(ProtocolError):
        objective.score(dict.fromkeys(METRICS, math.nan), COST)
    with pytest.raises(ProtocolError):
        objective.score({}, COST)
