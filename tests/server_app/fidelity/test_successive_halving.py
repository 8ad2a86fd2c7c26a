import json

import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.errors import ConfigError
from server_app.fidelity.base import Ending, Promotion
from server_app.fidelity.successive_halving import SuccessiveHalving, rungs
from server_app.trials import Trial, TrialState
from tests.support import trials as support


def make(**options):
    return SuccessiveHalving(SuccessiveHalving.Options(**options))


def scored(number, score, feasible=True):
    waiting = Trial(number, LayeredSpec(), state=TrialState.WAITING)
    return waiting if score is None else support.scored(waiting, score, feasible=feasible)


def failed(number, score=None):
    trial = Trial(number, LayeredSpec(), state=TrialState.FAILED)
    return trial if score is None else support.scored(trial, score)


def ended(endings):
    """Who ended, by what was said of them."""
    return {action: [e.trial for e in endings if e.action == action] for action in {e.action for e in endings}}


def promoted(fidelity):
    """Who goes on now, and up to how many rounds."""
    found = []
    while (promotion := fidelity.next()) is not None:
        found.append((promotion.trial, promotion.rounds))
    return found


def start(fidelity, *numbers):
    return [fidelity.start(Trial(number, LayeredSpec())) for number in numbers]


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ((1, 9, 3), [1, 3, 9]),
        ((1, 10, 3), [1, 3, 9, 10]),  # capped, not dropped
        ((2, 10, 2), [2, 4, 8, 10]),
        ((5, 5, 2), [5]),
        ((4, 5, 3), [4, 5]),
    ],
)
def test_rungs(limits, expected):
    assert rungs(*limits) == expected


def test_the_paper_s_halving():
    # n = 4, eta = 2: 4 trials for 1 round, the best 2 for 2 rounds in all, the best 1 for 4.
    fidelity = make(max_rounds=4, eta=2, bracket_size=4)
    assert start(fidelity, 0, 1, 2, 3) == [1, 1, 1, 1]
    assert [fidelity.report(scored(n, s)) for n, s in ((0, 0.4), (1, 0.1), (2, 0.2))] == [[], [], []]
    assert ended(fidelity.report(scored(3, 0.3))) == {"stop": [1, 2]}
    assert fidelity.next() == Promotion(0, 2)
    assert fidelity.next() == Promotion(3, 2)
    assert fidelity.next() is None
    assert fidelity.report(scored(3, 0.6)) == []
    assert fidelity.report(scored(0, 0.5)) == [Ending(0, "stop")]
    assert promoted(fidelity) == [(3, 4)]
    assert fidelity.report(scored(3, 0.1)) == [Ending(3, "finish")]
    assert fidelity.state_dict() == {"brackets": [], "promotions": []}


def test_a_promotion_that_waits_for_a_place_is_part_of_the_state():
    fidelity = make(max_rounds=4, eta=2, bracket_size=2)
    start(fidelity, 0, 1)
    fidelity.report(scored(0, 0.4))
    fidelity.report(scored(1, 0.1))
    restored = make(max_rounds=4, eta=2, bracket_size=2)
    restored.load_state_dict(json.loads(json.dumps(fidelity.state_dict())))
    assert promoted(restored) == promoted(fidelity) == [(0, 2)]


def test_one_that_breaks_a_constraint_goes_on_only_where_nobody_else_can():
    fidelity = make(eta=3, bracket_size=3)
    start(fidelity, 0, 1, 2)
    fidelity.report(scored(0, 0.9, feasible=False))
    fidelity.report(scored(1, 0.1))
    assert ended(fidelity.report(scored(2, 0.8, feasible=False))) == {"stop": [0, 2]}
    assert promoted(fidelity) == [(1, 3)]


def test_ties_go_to_the_lower_number():
    fidelity = make(eta=3, bracket_size=3)
    start(fidelity, 2, 1, 0)
    fidelity.report(scored(2, 0.5))
    fidelity.report(scored(1, 0.5))
    assert ended(fidelity.report(scored(0, 0.4))) == {"stop": [0, 2]}
    assert promoted(fidelity) == [(1, 3)]


def test_a_failed_trial_counts_among_those_that_entered():
    # floor(6 / 3) = 2 go on, although only 3 were scored.
    fidelity = make(eta=3, bracket_size=6)
    start(fidelity, *range(6))
    for number in (0, 2, 4):
        assert fidelity.report(failed(number)) == []
    fidelity.report(scored(1, 0.1))
    fidelity.report(scored(3, 0.2))
    assert ended(fidelity.report(scored(5, 0.3))) == {"stop": [1]}
    assert promoted(fidelity) == [(3, 3), (5, 3)]


def test_a_failure_can_complete_a_rung():
    fidelity = make(eta=2, bracket_size=2)
    start(fidelity, 0, 1)
    fidelity.report(scored(0, 0.1))
    assert fidelity.report(failed(1, score=0.9)) == []
    assert promoted(fidelity) == [(0, 2)]


def test_a_bracket_that_waits_holds_up_nobody():
    fidelity = make(max_rounds=2, eta=2, bracket_size=2)
    assert start(fidelity, 0, 1, 2, 3) == [1, 1, 1, 1]
    fidelity.report(scored(2, 0.9))
    assert ended(fidelity.report(scored(3, 0.8))) == {"stop": [3]}
    assert promoted(fidelity) == [(2, 2)]
    assert ended(fidelity.report(scored(2, 0.9))) == {"finish": [2]}


def test_nothing_is_decided_before_a_bracket_is_full():
    fidelity = make(eta=2, bracket_size=3)
    start(fidelity, 0, 1)
    assert fidelity.report(scored(0, 0.1)) == []
    assert fidelity.report(scored(1, 0.2)) == []
    start(fidelity, 2)
    assert ended(fidelity.report(scored(2, 0.3))) == {"stop": [0, 1]}
    assert promoted(fidelity) == [(2, 2)]


def test_close_decides_with_the_trials_there_are():
    fidelity = make(eta=3, bracket_size=9)
    start(fidelity, 0, 1)
    fidelity.report(scored(0, 0.1))
    fidelity.report(scored(1, 0.2))
    assert ended(fidelity.close()) == {"stop": [0]}
    assert promoted(fidelity) == [(1, 3)]  # floor(2 / 3) is 0: at least one


def test_close_waits_for_those_that_still_train():
    fidelity = make(eta=2, bracket_size=4)
    start(fidelity, 0, 1)
    fidelity.report(scored(0, 0.1))
    assert fidelity.close() == []
    assert ended(fidelity.report(scored(1, 0.2))) == {"stop": [0]}
    assert promoted(fidelity) == [(1, 2)]


def test_one_rung_finishes_everybody_at_once():
    fidelity = make(max_rounds=5, min_rounds=5)
    assert start(fidelity, 0) == [5]
    assert fidelity.report(scored(0, 0.1)) == [Ending(0, "finish")]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"eta": 1}, "eta"),
        ({"min_rounds": 0}, "min_rounds"),
        ({"min_rounds": 10, "max_rounds": 9}, "min_rounds"),
        ({"max_rounds": 0}, "max_rounds"),
        ({"bracket_size": 2, "eta": 3}, "bracket_size"),
    ],
)
def test_options_are_checked(options, named):
    with pytest.raises(ConfigError, match=f"fidelity.{named} must"):
        make(**options)


@pytest.mark.parametrize("score", [None, float("nan")])
def test_a_score_is_a_number(score):
    fidelity = make()
    start(fidelity, 0)
    with pytest.raises(ConfigError, match="finite score"):
        fidelity.report(scored(0, score))


def test_strangers_and_repeats_are_refused():
    fidelity = make()
    start(fidelity, 0, 1)
    fidelity.report(scored(0, 0.5))
    with pytest.raises(ConfigError, match="one finite score a rung"):
        fidelity.report(scored(0, 0.5))
    with pytest.raises(ConfigError, match="races"):
        fidelity.report(scored(2, 0.5))
    with pytest.raises(ConfigError, match="starts once"):
        start(fidelity, 1)
