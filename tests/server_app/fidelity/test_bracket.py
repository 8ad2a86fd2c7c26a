"""Whom doubt keeps in a bracket of a search with several objectives."""

from common.architecture.kinds.layered import LayeredSpec
from server_app.fidelity.bracket import Bracket
from server_app.scores import NodeScore
from server_app.trials import Trial, TrialState
from tests.support.trials import scored

NOISY, SURE = (-0.2, 0.0, 0.2), (-0.001, 0.0, 0.001)
"""What nodes add to a score of the second of two trials, that cancels in the mean."""


def bracket(points, spread):
    """A bracket of trials at these points, of which every other one is scored with noise."""
    made = Bracket(len(points), filling=False, entered=len(points))
    for number, (value, cost) in enumerate(points):
        nodes = {
            f"node{n}": NodeScore({}, 5, value + (noise if number % 2 else 0.0), None, (None,))
            for n, noise in enumerate(spread)
        }
        trial = Trial(number, LayeredSpec(), state=TrialState.WAITING)
        made.racing[number] = str(number)
        made.board.take(scored(trial, value, by_node=nodes, further=(cost,)))
    return made


def test_who_is_dominated_by_chance_perhaps_goes_on():
    """Trial 1 has as few MACs as trial 0, and a little less accuracy; trial 2 is as good at the other end."""
    points = [(0.80, -5.0), (0.79, -5.0), (0.50, -1.0), (0.10, -9.0), (0.09, -9.0), (0.08, -9.0)]
    assert bracket(points, NOISY).decide(3, 1.0) == ([0, 2, 1], [1, 2])
    assert bracket(points, SURE).decide(3, 1.0) == ([0, 2], [])


def test_who_fell_behind_for_want_of_room_is_no_matter_of_doubt():
    """All three are of one front; of two places the ends have them."""
    points = [(0.80, -5.0), (0.79, -4.9), (0.50, -1.0), (0.10, -9.0), (0.09, -9.0), (0.08, -9.0)]
    assert bracket(points, NOISY).decide(3, 1.0) == ([0, 2], [])


def test_where_all_cost_the_same_the_next_is_compared_with_the_last_of_the_best():
    points = [(0.80, 0.0), (0.79, 0.0), (0.10, 0.0)]
    assert bracket(points, NOISY).decide(3, 1.0) == ([0, 1], [0, 1])
    assert bracket(points, SURE).decide(3, 1.0) == ([0], [])
