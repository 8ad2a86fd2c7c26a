import json

import pytest

from common.architecture.kinds.layered import LayeredSpec
from server_app.fidelity.base import Climb, Ending
from server_app.fidelity.hyperband import Hyperband, bracket_size
from server_app.trials import Trial, TrialState
from tests.support import trials as support


def make(steps_per_round=None, **options):
    return Hyperband(Hyperband.Options(**{"doubt": 0.0, **options}), steps_per_round)


def start(fidelity, *numbers):
    return [fidelity.start(Trial(number, LayeredSpec())) for number in numbers]


def scored(number, score, rung=1):
    return support.scored(Trial(number, LayeredSpec(), state=TrialState.WAITING), score, rung)


def failed(number):
    return Trial(number, LayeredSpec(), state=TrialState.FAILED)


def test_sizes_are_those_of_algorithm_1():
    """With R = 81 and eta = 3, so that s_max = 4: ceil(5 / 5 * 81), ceil(5 / 4 * 27), ceil(5 / 3 * 9) and so on."""
    assert [bracket_size(4, above, 3) for above in (4, 3, 2, 1, 0)] == [81, 34, 15, 8, 5]
    assert [bracket_size(2, above, 3) for above in (2, 1, 0)] == [9, 5, 3]


def test_each_bracket_begins_a_rung_above_the_one_before_and_then_the_turn_begins_anew():
    fidelity = make(max_rounds=9)
    foreseen = []
    for number in range(20):
        foreseen.append(fidelity.first)
        start(fidelity, number)
    assert foreseen == [1] * 9 + [3] * 5 + [9] * 3 + [1] * 3


def test_brackets_cost_about_the_same():
    """At each of s + 1 rungs n / 3^i trials train 81 / 3^(s - i) rounds: 5 * 81 in all, and what rounding n up adds."""
    for above in range(5):
        size, rounds = bracket_size(4, above, 3), 81 // 3**above
        spent = sum(size // 3**step * rounds * 3**step for step in range(above + 1))
        assert 0.8 * 5 * 81 <= spent <= 5 * 81 + (above + 1) * rounds


def test_a_bracket_halves_from_the_rung_at_which_it_begins():
    fidelity = make(max_rounds=9)
    start(fidelity, *range(9))
    assert start(fidelity, *range(9, 14)) == [3] * 5
    endings = [ending for number in range(9, 14) for ending in fidelity.report(scored(number, number / 100, 2))]
    assert endings == [Ending(number, "stop") for number in range(9, 13)]
    promotion = fidelity.next()
    assert (promotion.trial, promotion.rounds) == (13, 9)
    assert fidelity.report(scored(13, 0.5, 3)) == [Ending(13, "finish")]


def test_whoever_begins_at_the_top_rung_finishes_there_whoever_else_races():
    fidelity = make(max_rounds=3, eta=3)  # 3 trials of 1 round, then 2 of 3
    start(fidelity, *range(5))
    assert fidelity.report(scored(3, 0.5, 2)) == [Ending(3, "finish")]
    assert fidelity.report(failed(4)) == []
    assert fidelity.state_dict()["opened"] == 2
    assert [row["rung"] for row in fidelity.state_dict()["brackets"]] == [0]


@pytest.mark.parametrize(("steps", "first"), [(50.0, [1] * 9 + [3] * 5 + [9] * 3), (10.0, [5] * 3 + [9] * 2)])
def test_few_data_make_the_first_rung_longer_and_the_brackets_fewer(steps, first):
    """5 rounds of 10 steps have 50: two rungs are left, so n = ceil(2 / 2 * 3), then ceil(2 / 1 * 1)."""
    assert start(make(steps), *range(len(first))) == first
    assert make(5.0).rungs == [9]


def test_what_may_follow_is_foreseen_of_the_bracket_that_is_opened_next():
    fidelity = make(max_rounds=9)
    start(fidelity, *range(9))
    assert fidelity.climbs(9)[-1] == Climb((9,), 1, 3, 9)
    start(fidelity, *range(9, 14))
    ahead = fidelity.climbs(14)  # who begins at the top rung climbs no more
    assert ahead == [
        Climb(tuple(range(9)), 3, 1, 3),
        Climb(tuple(range(9)), 1, 3, 9),
        Climb(tuple(range(9, 14)), 1, 3, 9),
    ]


def test_a_run_that_goes_on_opens_the_bracket_that_would_have_come():
    fidelity = make(max_rounds=9)
    start(fidelity, *range(10))
    for number in range(9):
        fidelity.report(failed(number))
    restored = make(max_rounds=9)
    restored.load_state_dict(json.loads(json.dumps(fidelity.state_dict())))
    assert start(restored, *range(10, 20)) == start(fidelity, *range(10, 20)) == [3] * 4 + [9] * 3 + [1] * 3
