import json

import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.errors import ConfigError
from server_app.fidelity.asha import Asha
from server_app.fidelity.base import Climb, Ending, Promotion
from server_app.trials import Trial, TrialState
from tests.support import trials as support


def make(**options):
    return Asha(Asha.Options(**{"max_rounds": 9, "eta": 3, **options}))


def start(fidelity, *numbers):
    return [fidelity.start(Trial(number, LayeredSpec())) for number in numbers]


def scored(number, score, feasible=True):
    return support.scored(Trial(number, LayeredSpec(), state=TrialState.WAITING), score, feasible=feasible)


def report(fidelity, **scores):
    """Let trials report, such as t3=0.5; return who ends."""
    return [ending for name, score in scores.items() for ending in fidelity.report(scored(int(name[1:]), score))]


def failed(number):
    return Trial(number, LayeredSpec(), state=TrialState.FAILED)


def promoted(fidelity):
    return [(one.trial, one.rounds) for one in iter(fidelity.next, None)]


def stops(*numbers):
    return [Ending(number, "stop") for number in numbers]


def test_the_best_third_of_those_that_have_come_goes_on_whoever_still_trains():
    fidelity = make()
    assert start(fidelity, *range(9)) == [1] * 9
    assert report(fidelity, t0=0.1, t1=0.2) == []
    assert fidelity.next() is None
    assert report(fidelity, t2=0.3) == []
    assert promoted(fidelity) == [(2, 3)]
    assert report(fidelity, t3=0.25, t4=0.15) == []
    assert fidelity.next() is None  # 5 // 3 is one place, and the best has gone on
    report(fidelity, t5=0.05)
    assert promoted(fidelity) == [(3, 3)]  # the second of 6


def test_who_was_promoted_for_want_of_better_ones_takes_no_place_from_them():
    fidelity = make()
    start(fidelity, *range(6))
    report(fidelity, t0=0.1, t1=0.2, t2=0.3)
    assert promoted(fidelity) == [(2, 3)]
    report(fidelity, t3=0.9, t4=0.8, t5=0.7)
    assert promoted(fidelity) == [(3, 3), (4, 3)]


def test_the_highest_rung_comes_first():
    fidelity = make()
    start(fidelity, *range(9))
    report(fidelity, **{f"t{number}": number / 10 for number in range(9)})
    assert promoted(fidelity) == [(8, 3), (7, 3), (6, 3)]
    start(fidelity, 9, 10, 11)
    report(fidelity, t9=0.95, t10=0.0, t11=0.0, t8=0.5, t7=0.6, t6=0.4)
    assert promoted(fidelity) == [(7, 9), (9, 3)]
    assert report(fidelity, t7=0.1) == [Ending(7, "finish")]


def test_feasible_trials_are_better_than_others():
    fidelity = make()
    start(fidelity, 0, 1, 2)
    for number, score in enumerate((0.9, 0.8, 0.1)):
        fidelity.report(scored(number, score, feasible=number == 2))
    assert promoted(fidelity) == [(2, 3)]


def test_a_failed_trial_has_not_completed_a_rung():
    fidelity = make()
    start(fidelity, 0, 1, 2)
    report(fidelity, t0=0.1, t1=0.2)
    assert fidelity.report(failed(2)) == []
    assert fidelity.next() is None


def test_in_the_end_who_cannot_be_promoted_ends_and_a_rung_that_would_promote_nobody_its_best():
    """7 // 3 are 2, and of 2 a third is nobody."""
    fidelity = make()
    start(fidelity, *range(7))
    report(fidelity, **{f"t{number}": number / 10 for number in range(7)})
    assert promoted(fidelity) == [(6, 3), (5, 3)]
    assert fidelity.close() == stops(0, 1, 2, 3, 4)
    assert report(fidelity, t5=0.5) == []
    assert fidelity.next() is None  # the other one may be better
    assert report(fidelity, t6=0.4) == stops(6)
    assert promoted(fidelity) == [(5, 9)]
    assert report(fidelity, t5=0.5) == [Ending(5, "finish")]


def test_in_the_end_who_may_yet_be_promoted_waits():
    """Of 6 there are 2 places: the second waits for the three that train, and the third has no hope."""
    fidelity = make()
    start(fidelity, *range(6))
    report(fidelity, t0=0.1, t1=0.2, t2=0.3)
    assert promoted(fidelity) == [(2, 3)]
    assert fidelity.close() == stops(0)
    assert report(fidelity, t3=0.0, t4=0.0) == stops(3, 4)
    assert fidelity.next() is None
    assert report(fidelity, t5=0.0) == stops(5)
    assert promoted(fidelity) == [(1, 3)]


def test_a_trial_may_start_after_all_and_then_nobody_ends_early():
    fidelity = make()
    start(fidelity, 0, 1)
    report(fidelity, t0=0.1, t1=0.2)
    assert fidelity.close() == stops(0)
    assert promoted(fidelity) == [(1, 3)]
    start(fidelity, 2)
    assert report(fidelity, t2=0.1) == []


def test_a_promotion_that_is_declined_ends_its_trial_and_nobody_has_its_place():
    fidelity = make()
    start(fidelity, 0, 1, 2)
    report(fidelity, t0=0.1, t1=0.2, t2=0.3)
    assert fidelity.decline(fidelity.next()) == stops(2)
    assert fidelity.next() is None
    assert fidelity.close() == stops(0, 1)


def test_what_may_follow():
    """Of 6, the new one included, 2 have places, and one is taken; of the 2 that may come to the next rung the best."""
    fidelity = make()
    assert fidelity.climbs(0) == [Climb((0,), 1, 1, 3), Climb((0,), 1, 3, 9)]
    start(fidelity, *range(5))
    report(fidelity, **{f"t{number}": number / 10 for number in range(5)})
    assert fidelity.next() == Promotion(4, 3)
    assert fidelity.climbs(5) == [Climb((0, 1, 2, 3, 5), 1, 1, 3), Climb((0, 1, 2, 3, 4, 5), 1, 3, 9)]


def test_strangers_and_repeats_are_refused():
    fidelity = make()
    start(fidelity, 0)
    report(fidelity, t0=0.1)
    with pytest.raises(ConfigError, match="trains"):
        report(fidelity, t0=0.1)
    with pytest.raises(ConfigError, match="trains"):
        report(fidelity, t1=0.1)
    with pytest.raises(ConfigError, match="starts once"):
        start(fidelity, 0)


def test_who_waits_is_part_of_the_state():
    fidelity, restored = make(), make(max_rounds=2)
    start(fidelity, *range(6))
    report(fidelity, t0=0.1, t1=0.2, t2=0.3)
    fidelity.next()
    restored.load_state_dict(json.loads(json.dumps(fidelity.state_dict())))
    for one in (fidelity, restored):
        report(one, t3=0.0, t4=0.0, t5=0.0)
    assert promoted(restored) == promoted(fidelity) == [(1, 3)]
