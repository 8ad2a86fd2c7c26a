import pytest

from common.architecture.spec import ArchitectureSpec
from common.errors import ConfigError
from server_app.fidelity.base import Decision
from server_app.fidelity.successive_halving import SuccessiveHalving, rungs
from server_app.trials import Trial, TrialState


def make(**options):
    return SuccessiveHalving(SuccessiveHalving.Options(**options))


def scored(number, score):
    return Trial(number, ArchitectureSpec(), state=TrialState.WAITING, score=score)


def failed(number, score=None):
    return Trial(number, ArchitectureSpec(), state=TrialState.FAILED, score=score)


def start(fidelity, *numbers):
    return [fidelity.start(Trial(number, ArchitectureSpec())) for number in numbers]


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
    assert fidelity.report(scored(3, 0.3)) == [
        Decision(0, "promote", 2),
        Decision(1, "stop"),
        Decision(2, "stop"),
        Decision(3, "promote", 2),
    ]
    assert fidelity.report(scored(3, 0.6)) == []
    assert fidelity.report(scored(0, 0.5)) == [Decision(0, "stop"), Decision(3, "promote", 4)]
    assert fidelity.report(scored(3, 0.1)) == [Decision(3, "finish")]
    assert fidelity.state_dict() == {"brackets": []}


def test_ties_go_to_the_lower_number():
    fidelity = make(eta=3, bracket_size=3)
    start(fidelity, 2, 1, 0)
    fidelity.report(scored(2, 0.5))
    fidelity.report(scored(1, 0.5))
    assert fidelity.report(scored(0, 0.4)) == [Decision(0, "stop"), Decision(1, "promote", 3), Decision(2, "stop")]


def test_a_failed_trial_counts_among_those_that_entered():
    # floor(6 / 3) = 2 go on, although only 3 were scored.
    fidelity = make(eta=3, bracket_size=6)
    start(fidelity, *range(6))
    for number in (0, 2, 4):
        assert fidelity.report(failed(number)) == []
    fidelity.report(scored(1, 0.1))
    fidelity.report(scored(3, 0.2))
    assert fidelity.report(scored(5, 0.3)) == [
        Decision(1, "stop"),
        Decision(3, "promote", 3),
        Decision(5, "promote", 3),
    ]


def test_a_failure_can_complete_a_rung():
    fidelity = make(eta=2, bracket_size=2)
    start(fidelity, 0, 1)
    fidelity.report(scored(0, 0.1))
    assert fidelity.report(failed(1, score=0.9)) == [Decision(0, "promote", 2)]


def test_a_bracket_that_waits_holds_up_nobody():
    fidelity = make(max_rounds=2, eta=2, bracket_size=2)
    assert start(fidelity, 0, 1, 2, 3) == [1, 1, 1, 1]
    fidelity.report(scored(2, 0.9))
    assert fidelity.report(scored(3, 0.8)) == [Decision(2, "promote", 2), Decision(3, "stop")]
    assert fidelity.report(scored(2, 0.9)) == [Decision(2, "finish")]


def test_nothing_is_decided_before_a_bracket_is_full():
    fidelity = make(eta=2, bracket_size=3)
    start(fidelity, 0, 1)
    assert fidelity.report(scored(0, 0.1)) == []
    assert fidelity.report(scored(1, 0.2)) == []
    start(fidelity, 2)
    assert fidelity.report(scored(2, 0.3)) == [Decision(0, "stop"), Decision(1, "stop"), Decision(2, "promote", 2)]


def test_close_decides_with_the_trials_there_are():
    fidelity = make(eta=3, bracket_size=9)
    start(fidelity, 0, 1)
    fidelity.report(scored(0, 0.1))
    fidelity.report(scored(1, 0.2))
    assert fidelity.close() == [Decision(0, "stop"), Decision(1, "promote", 3)]  # floor(2 / 3) is 0: at least one


def test_close_waits_for_those_that_still_train():
    fidelity = make(eta=2, bracket_size=4)
    start(fidelity, 0, 1)
    fidelity.report(scored(0, 0.1))
    assert fidelity.close() == []
    assert fidelity.report(scored(1, 0.2)) == [Decision(0, "stop"), Decision(1, "promote", 2)]


def test_one_rung_finishes_everybody_at_once():
    fidelity = make(max_rounds=5, min_rounds=5)
    assert start(fidelity, 0) == [5]
    assert fidelity.report(scored(0, 0.1)) == [Decision(0, "finish")]


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
