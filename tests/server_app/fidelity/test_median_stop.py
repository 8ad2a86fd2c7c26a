import json

import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.errors import ConfigError
from server_app.fidelity.base import Climb, Ending, Promotion
from server_app.fidelity.median_stop import MedianStop, falls_behind
from server_app.scores import NodeScore
from server_app.trials import Trial, TrialState
from tests.support import trials as support


def make(steps_per_round=None, **options):
    return MedianStop(MedianStop.Options(**{"max_rounds": 3, "min_trials": 3, **options}), steps_per_round)


def scored(number, score, feasible=True, **by_node):
    nodes = {name: NodeScore({}, 5, value) for name, value in by_node.items()}
    waiting = Trial(number, LayeredSpec(), state=TrialState.WAITING)
    return support.scored(waiting, score, feasible=feasible, by_node=nodes)


def run(fidelity, number, *scores):
    """Let a trial report one score after the other; return what was said last."""
    fidelity.start(Trial(number, LayeredSpec()))
    for score in scores:
        said = fidelity.report(scored(number, score))
        fidelity.next()
    return said


def with_three(fidelity=None):
    """A fidelity that has seen three trials, whose running averages are .2 .3 .4, .4 .5 .6 and .1 .1 .1."""
    fidelity = fidelity or make()
    for number, curve in enumerate([(0.2, 0.4, 0.6), (0.4, 0.6, 0.8), (0.1, 0.1, 0.1)]):
        assert run(fidelity, number, *curve) == [Ending(number, "finish")]
    return fidelity


@pytest.mark.parametrize(
    ("options", "steps", "expected"),
    [
        ({}, None, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ({"interval": 3}, None, [1, 4, 7, 9]),
        ({}, 10.0, [5, 6, 7, 8, 9]),  # of 50 steps in all
        ({"min_rounds": 7}, 10.0, [7, 8, 9]),
        ({}, 1.0, [9]),
    ],
)
def test_rungs_follow_each_other_from_the_first_that_says_something(options, steps, expected):
    assert make(steps, max_rounds=9, **options).rungs == expected


@pytest.mark.parametrize(("best", "behind"), [(0.19, True), (0.2, False), (0.21, False)])
def test_only_who_is_strictly_worse_than_the_median_falls_behind(best, behind):
    assert falls_behind(best, [0.1, 0.9, 0.2]) is behind
    assert falls_behind(best, [0.1, 0.9, 0.15, 0.25]) is behind  # the mean of both in the middle


def test_the_best_so_far_is_compared_with_running_averages():
    """At the second rung .25 alone would be behind the median, .3, which the .3 of the first is not."""
    assert run(with_three(), 3, 0.3, 0.25) == []
    assert run(with_three(), 3, 0.29, 0.25) == [Ending(3, "stop")]
    assert run(with_three(), 3, 0.15) == [Ending(3, "stop")]


def test_nobody_is_stopped_before_so_many_have_completed():
    assert run(with_three(make(min_trials=4)), 3, 0.0) == []


def test_only_those_that_got_as_far_count():
    """Stopped at the first rung the fourth counts there, and not at the second, where the fifth lacks a fourth."""
    fidelity = with_three()
    assert run(fidelity, 3, 0.0) == [Ending(3, "stop")]
    fidelity.options = MedianStop.Options(max_rounds=3, min_trials=4)
    assert run(fidelity, 4, 0.15, 0.0) == []  # the median of .2 .4 .1 0 is .15
    assert run(fidelity, 5, 0.14) == [Ending(5, "stop")]


def test_who_completes_counts_once_the_next_place_is_given_away():
    fidelity = make(max_rounds=2, min_trials=1)
    for number in range(3):
        fidelity.start(Trial(number, LayeredSpec()))
    fidelity.report(scored(0, 0.5))
    fidelity.next()
    fidelity.report(scored(0, 0.5))
    assert fidelity.report(scored(1, 0.1)) == []
    fidelity.next()
    assert fidelity.report(scored(2, 0.1)) == [Ending(2, "stop")]


def test_who_breaks_a_constraint_is_worse_than_any_that_does_not():
    fidelity = with_three()
    fidelity.start(Trial(3, LayeredSpec()))
    assert fidelity.report(scored(3, 0.9, feasible=False)) == [Ending(3, "stop")]


def test_among_those_that_all_break_a_constraint_nobody_is_stopped():
    fidelity = make(max_rounds=2, min_trials=1)
    for number in (0, 1):
        fidelity.start(Trial(number, LayeredSpec()))
        for _ in range(2 - number):
            said = fidelity.report(scored(number, 0.5 - number / 10, feasible=False))
            fidelity.next()
    assert said == []


def test_scores_are_compared_over_common_nodes():
    """.8 in the mean against .5, but .8 against .9 on the one node that both have."""
    fidelity = make(max_rounds=2, min_trials=1)
    for number in (0, 1):
        fidelity.start(Trial(number, LayeredSpec()))
    for _ in range(2):
        fidelity.report(scored(0, 0.5, easy=0.9, hard=0.1))
        fidelity.next()
    assert fidelity.report(scored(1, 0.8, easy=0.8)) == [Ending(1, "stop")]


def test_who_got_farthest_trains_on_first():
    fidelity = make()
    for number in range(3):
        fidelity.start(Trial(number, LayeredSpec()))
    fidelity.report(scored(2, 0.5))
    assert fidelity.next() == Promotion(2, 2)
    for number in (1, 2, 0):
        fidelity.report(scored(number, 0.5))
    assert list(iter(fidelity.next, None)) == [Promotion(2, 3), Promotion(0, 2), Promotion(1, 2)]


def test_a_failed_trial_counts_for_nothing():
    fidelity = with_three(make(min_trials=4))
    run(fidelity, 3, 0.5)
    assert fidelity.report(Trial(3, LayeredSpec(), state=TrialState.FAILED)) == []
    assert run(fidelity, 4, 0.0) == []


def test_all_rungs_may_follow():
    fidelity = make()
    run(fidelity, 0, 0.5)  # on its way to the second rung
    assert fidelity.climbs(1) == [Climb((0,), 1, 2, 3), Climb((1,), 1, 1, 2), Climb((1,), 1, 2, 3)]


def test_a_promotion_that_is_declined_ends_its_trial_which_has_completed():
    fidelity = make(min_trials=1)
    fidelity.start(Trial(0, LayeredSpec()))
    fidelity.report(scored(0, 0.5))
    assert fidelity.decline(fidelity.next()) == [Ending(0, "stop")]
    fidelity.next()
    assert run(fidelity, 1, 0.4) == [Ending(1, "stop")]


@pytest.mark.parametrize("option", ["interval", "min_trials"])
def test_options_are_checked(option):
    with pytest.raises(ConfigError, match=f"fidelity.{option} must be 1 or more"):
        make(**{option: 0})


def test_strangers_and_repeats_are_refused():
    fidelity = make()
    fidelity.start(Trial(0, LayeredSpec()))
    fidelity.report(scored(0, 0.5))
    for number in (0, 1):
        with pytest.raises(ConfigError, match="trains"):
            fidelity.report(scored(number, 0.5))
    with pytest.raises(ConfigError, match="starts once"):
        fidelity.start(Trial(0, LayeredSpec()))


def test_curves_and_who_waits_are_part_of_the_state():
    fidelity = with_three()
    fidelity.start(Trial(3, LayeredSpec()))
    fidelity.report(scored(3, 0.29))
    restored = make(max_rounds=2)
    restored.load_state_dict(json.loads(json.dumps(fidelity.state_dict())))
    for one in (fidelity, restored):
        assert one.next() == Promotion(3, 2)
        assert one.report(scored(3, 0.25)) == [Ending(3, "stop")]
