from common.architecture.cost import Cost
from common.tasks import Classification
from server_app.objectives.base import Objective
from server_app.objectives.primary import Primary

COST = Cost(1, 0, 1, 4)


def test_of_a_classifier_it_is_the_accuracy():
    objectives = Primary(Classification(3))
    assert objectives.terms() == (Objective("accuracy", "max"),)
    assert objectives.values({"accuracy": 0.75}, COST) == {"accuracy": 0.75}
