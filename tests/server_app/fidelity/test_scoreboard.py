import json

import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.errors import ConfigError
from server_app.fidelity.scoreboard import Scoreboard
from server_app.scores import NodeScore
from server_app.trials import Trial, TrialState
from tests.support.trials import scored


def board(*trials: Trial) -> Scoreboard:
    made = Scoreboard()
    for trial in trials:
        made.take(trial)
    return made


def trial(number: int, value: float, *, tie: float = 0.0, feasible: bool = True, **by_node: float) -> Trial:
    waiting = Trial(number, LayeredSpec(), state=TrialState.WAITING)
    nodes = {name: NodeScore({}, 5, score, tie) for name, score in by_node.items()}
    return scored(waiting, value, feasible=feasible, tie=tie, by_node=nodes)


def test_feasible_ones_come_first_then_scores_then_ties_then_numbers() -> None:
    found = board(trial(0, 0.9, feasible=False), trial(1, 0.5), trial(2, 0.5, tie=0.1), trial(3, 0.8), trial(4, 0.5))
    assert found.order(found.numbers) == [3, 2, 1, 4, 0]
    assert found.order([4, 0]) == [4, 0]


def test_scores_are_compared_over_common_nodes() -> None:
    """The first has more in the mean, 0.9 against 0.8, and less on the one node that both have: 0.9 against 1.0."""
    found = board(trial(0, 0.9, easy=0.9), trial(1, 0.8, easy=1.0, hard=0.6))
    assert found.order(found.numbers) == [1, 0]


def test_who_is_forgotten_may_score_again() -> None:
    found = board(trial(0, 0.9, feasible=False), trial(1, 0.5))
    found.forget(0)
    found.forget(2)
    assert (found.numbers, found.infeasible) == ([1], [])
    found.take(trial(0, 0.4))
    with pytest.raises(ConfigError, match="one finite score a rung"):
        found.take(trial(0, 0.4))


def test_with_several_objectives_fronts_come_one_after_the_other() -> None:
    """The first three are a front, whose ends have most room; they dominate the fourth, and the last is infeasible."""
    points = [(0.8, -3.0), (0.9, -9.0), (0.5, -1.0), (0.4, -4.0)]
    trials = [Trial(number, LayeredSpec(), state=TrialState.WAITING) for number in range(5)]
    made = [scored(one, value, further=(cost,)) for one, (value, cost) in zip(trials, points, strict=False)]
    found = board(*made, scored(trials[4], 1.0, feasible=False, further=(0.0,), violation=0.5))
    assert found.order(found.numbers) == [1, 2, 0, 3, 4]
    assert Scoreboard.from_json(json.loads(json.dumps(found.to_json()))) == found
    found.forget(4)
    found.forget(1)
    assert found.order(found.numbers) == [0, 2, 3]


def test_each_objective_is_compared_over_common_nodes() -> None:
    """The first scores as the second does on the node that both have, and better in the other objective there."""

    def by_node(**pairs: tuple[float, float]) -> Trial:
        nodes = {name: NodeScore({}, 5, value, None, (loss,)) for name, (value, loss) in pairs.items()}
        whole = [sum(column) / len(pairs) for column in zip(*pairs.values(), strict=True)]
        one = Trial(len(pairs), LayeredSpec(), state=TrialState.WAITING)
        return scored(one, whole[0], by_node=nodes, further=(whole[1],))

    found = board(by_node(hard=(0.5, -2.0)), by_node(hard=(0.5, -3.0), easy=(0.9, -0.1)))
    assert found.order(found.numbers) == [1, 2]


def test_json_holds_all_of_it() -> None:
    found = board(trial(0, 0.9, tie=-0.3, easy=0.9), trial(1, 0.8, feasible=False))
    assert Scoreboard.from_json(json.loads(json.dumps(found.to_json()))) == found
