"""Scores, as objectives make them of tables."""

from common.architecture.cost import Cost
from common.tasks import Classification
from server_app.objectives.pareto import Pareto
from server_app.scores import Worth, score_of

COST = Cost(parameters=1000, buffers=0, macs=2000, message_bytes=4000)
BY_NODE = {"a": ({"accuracy": 0.75, "loss": 0.5}, 30), "b": ({"loss": 1.0}, 10)}
TABLE = {"accuracy": 0.75, "loss": 0.625}
WORTH = Worth(0.75, {"accuracy": 0.75, "macs": 2000.0}, (-2000.0,))


def score(**options):
    objectives = Pareto(Classification(3), Pareto.Options(terms={"accuracy": "max", "macs": "min"}, **options))
    return score_of(objectives, WORTH, TABLE, BY_NODE, COST, rung=2, rounds=3, equally=False)


def test_a_node_has_a_value_where_it_reports_what_ranks():
    made = score()
    assert (made.rung, made.rounds, made.value, made.further) == (2, 3, 0.75, (-2000.0,))
    assert {name: (one.value, one.examples) for name, one in made.by_node.items()} == {"a": (0.75, 30), "b": (None, 10)}
    assert [one.tie for one in made.by_node.values()] == [-0.5, -1.0], "the loss, of which less is better"
    assert made.comparable == {"a": (0.75, 30)}


def test_a_score_is_feasible_unless_a_constraint_is_broken():
    assert (score().feasible, score().violation) == (True, 0.0)
    broken = score(constraints={"macs": {"max": 1000.0}})
    assert (broken.feasible, broken.violation) == (False, 1.0), "twice the bound is an excess of the whole of it"
