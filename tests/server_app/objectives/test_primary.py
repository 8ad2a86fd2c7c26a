from common.architecture.cost import Cost
from common.tasks import Classification, Regression
from server_app.objectives.base import Objective
from server_app.objectives.primary import Primary

COST = Cost(1, 0, 1, 4)


def test_of_a_classifier_it_is_the_accuracy():
    objectives = Primary(Classification(3))
    assert objectives.terms() == (Objective("accuracy", "max"),)
    assert objectives.values({"accuracy": 0.75}, COST) == {"accuracy": 0.75}


def test_it_is_the_metric_that_was_agreed_on():
    assert Primary(Classification(3).going_by("loss")).terms() == (Objective("loss", "min"),)
    assert Primary(Regression()).terms() == (Objective("mse", "min"),)
