import json

import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.errors import ConfigError
from server_app.fidelity.base import Climb, Ending, Promotion
from server_app.fidelity.successive_halving import SuccessiveHalving
from server_app.scores import NodeScore
from server_app.trials import Recipe, Trial, TrialState
from tests.support import trials as support


def make(*, doubt=0.0, **options):
    return SuccessiveHalving(SuccessiveHalving.Options(doubt=doubt, **options))


def scored(number, score, feasible=True, tie=None):
    waiting = Trial(number, LayeredSpec(), state=TrialState.WAITING)
    return waiting if score is None else support.scored(waiting, score, feasible=feasible, tie=tie)


def on_nodes(number, *values, tie=None, recipe=None):
    """A trial with a score on each of so many nodes of the same size."""
    by_node = {f"node-{index}": NodeScore({}, 5, value, tie) for index, value in enumerate(values)}
    waiting = Trial(number, LayeredSpec(), recipe or Recipe(epochs=number + 1), state=TrialState.WAITING)
    return support.scored(waiting, sum(values) / len(values), tie=tie, by_node=by_node)


def race(fidelity, *trials):
    """Let trials start and report; return who is stopped, and all promotions."""
    for trial in trials:
        fidelity.start(trial)
    stopped = [ending.trial for trial in trials for ending in fidelity.report(trial) if ending.action == "stop"]
    return stopped, list(iter(fidelity.next, None))


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
    assert fidelity.state_dict() == {"rungs": [1, 2, 4], "brackets": [], "opened": 1, "promotions": []}


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


def test_ties_go_to_the_lower_loss():
    fidelity = make(eta=3, bracket_size=3)
    start(fidelity, 0, 1, 2)
    fidelity.report(scored(0, 0.5, tie=-0.9))
    fidelity.report(scored(1, 0.5, tie=-0.7))
    assert ended(fidelity.report(scored(2, 0.5))) == {"stop": [0, 2]}
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
    assert promoted(fidelity) == [(5, 3), (3, 3)]


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
        ({"min_steps": -1}, "min_steps"),
        ({"doubt": -0.5}, "doubt"),
        ({"doubt": float("nan")}, "doubt"),
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


# ---------------------------------------------------------------- what may follow


def test_a_first_trial_may_go_all_the_way():
    assert make(max_rounds=9).climbs(0) == [Climb((0,), 1, 1, 3), Climb((0,), 1, 3, 9)]
    assert make(max_rounds=1).climbs(0) == []


def test_of_a_bracket_one_in_eta_may_take_each_next_rung():
    """The seventh trial of a bracket of nine: 7 // 3 places, and then one; with the ninth they are three."""
    fidelity = make(max_rounds=9, eta=3, bracket_size=9)
    start(fidelity, *range(6))
    assert fidelity.climbs(6) == [Climb(tuple(range(7)), 2, 1, 3), Climb(tuple(range(7)), 1, 3, 9)]
    start(fidelity, 6, 7)
    assert fidelity.climbs(8)[0] == Climb(tuple(range(9)), 3, 1, 3)


def test_who_was_promoted_the_rung_after_and_a_new_bracket_are_foreseen():
    fidelity = make(max_rounds=4, eta=2, bracket_size=4)
    start(fidelity, *range(4))
    for number in range(4):
        fidelity.report(scored(number, 0.5 + number / 10))
    new = [Climb((4,), 1, 1, 2), Climb((4,), 1, 2, 4)]
    last = Climb((2, 3), 1, 2, 4)
    assert fidelity.climbs(4) == [Climb((3,), 1, 1, 2), Climb((2,), 1, 1, 2), last, *new]
    assert fidelity.next() == Promotion(3, 2)
    assert fidelity.climbs(4) == [Climb((2,), 1, 1, 2), last, *new]


def test_the_best_is_promoted_first():
    fidelity = make(max_rounds=4, eta=2, bracket_size=4)
    _, promotions = race(fidelity, *(scored(number, score) for number, score in enumerate((0.7, 0.1, 0.9, 0.2))))
    assert promotions == [Promotion(2, 2), Promotion(0, 2)]


# ---------------------------------------------------------------- doubt

NOISY = {0: (0.9, 0.5), 1: (0.5, 0.88), 2: (0.88, 0.48), 3: (0.1, 0.1), 4: (0.2, 0.1), 5: (0.1, 0.2)}
"""Of two nodes. The first differ by 0.01 with an error of 0.39, and by 0.02 on both nodes with an error of 0; the last
three are worse by 0.55 with errors up to 0.2."""


def test_who_cannot_be_told_from_the_last_of_the_best_goes_on():
    trials = [on_nodes(number, *values) for number, values in NOISY.items()]
    stopped, promotions = race(make(eta=6, bracket_size=6, doubt=1.0), *trials)
    assert stopped == [2, 3, 4, 5]
    assert promotions == [Promotion(0, 6, (0, 1)), Promotion(1, 6)]
    stopped, promotions = race(make(eta=6, bracket_size=6), *trials)
    assert (stopped, promotions) == ([1, 2, 3, 4, 5], [Promotion(0, 6)])


def test_where_nothing_can_be_told_apart_twice_as_many_go_on_by_their_loss():
    trials = [on_nodes(number, 0.5, 0.5, tie=-1 - 0.1 * (number * 4 % 9)) for number in range(9)]
    stopped, promotions = race(make(doubt=1.0), *trials)
    # the losses, by number, are 1 and tenths: 0 4 8 3 7 2 6 1 5; the 6 best are those with up to 5
    assert stopped == [2, 4, 6]
    assert promotions == [Promotion(0, 3, (1, 3, 5, 8)), *(Promotion(number, 3) for number in (7, 5, 3, 1, 8))]


def test_one_that_is_clearly_worse_ends_it_whoever_follows():
    """The fourth is noisy enough for anything; but the third, who is better, is clearly worse than the first."""
    trials = [on_nodes(0, 0.6, 0.6), on_nodes(1, 0.55, 0.55), on_nodes(2, 1.0, 0.0), on_nodes(3, 0.1, 0.1)]
    stopped, promotions = race(make(eta=4, bracket_size=4, doubt=1.0), *trials)
    assert (stopped, promotions) == ([1, 2, 3], [Promotion(0, 4)])


def test_doubt_never_more_than_doubles_a_rung():
    """9 trials, then 3, then 1: with doubt 9, 6 and 2, and not 9, 6 and 4."""
    fidelity, trials = make(doubt=1.0), [on_nodes(number, 0.5, 0.5) for number in range(9)]
    _, first = race(fidelity, *trials)
    assert len(first) == 6
    for promotion in first:
        fidelity.report(trials[promotion.trial])
    assert promoted(fidelity) == [(0, 9), (1, 9)]


def test_one_node_knows_no_noise_so_the_best_go_on_and_nobody_else():
    trials = [on_nodes(number, 0.5, tie=-1 - 0.1 * number) for number in range(9)]
    stopped, promotions = race(make(doubt=1.0), *trials)
    assert stopped == [3, 4, 5, 6, 7, 8]
    assert promotions == [Promotion(number, 3) for number in (0, 1, 2)]


def test_feasibility_is_no_matter_of_doubt():
    fidelity = make(eta=2, bracket_size=2, doubt=1.0)
    start(fidelity, 0, 1)
    fidelity.report(scored(0, 0.5))
    assert ended(fidelity.report(scored(1, 0.5, feasible=False))) == {"stop": [1]}


@pytest.mark.parametrize(("again", "goes_on"), [(0.52, False), (0.7, True)])
def test_repetitions_of_one_identity_say_how_much_chance_there_is(again, goes_on):
    """They differ by 0.02, or by 0.2, as an error does; the first two by 0.1, on both nodes alike."""
    trials = [
        on_nodes(0, 0.9, 0.9),
        on_nodes(1, 0.8, 0.8),
        on_nodes(2, 0.5, 0.5),
        on_nodes(3, again, again, recipe=Recipe(epochs=3)),
    ]
    _, promotions = race(make(eta=4, bracket_size=4, doubt=1.0), *trials)
    assert [promotion.trial for promotion in promotions] == ([0, 1] if goes_on else [0])


# ---------------------------------------------------------------- steps


@pytest.mark.parametrize(
    ("steps_per_round", "expected"),
    [(None, [1, 3, 9]), (40.0, [1, 3, 9]), (39.5, [2, 6, 9]), (10.0, [4, 9]), (4.0, [9]), (0.5, [9])],
)
def test_the_first_rung_has_so_many_steps(steps_per_round, expected):
    """Of 40: 2 rounds of 39.5, 4 of 10, and not all of them where the top rung has fewer."""
    fidelity = SuccessiveHalving(SuccessiveHalving.Options(min_steps=40), steps_per_round)
    assert fidelity.rungs == expected
    assert fidelity.start(Trial(0, LayeredSpec())) == expected[0]


def test_by_default_few_data_make_the_first_rung_longer_and_in_the_end_the_only_one():
    """50 steps are 1 round of 50, 5 of 10, and more than 9 of 5: then all train 9 rounds, and nobody is stopped."""
    assert [SuccessiveHalving(None, steps).rungs for steps in (50.0, 10.0, 5.0)] == [[1, 3, 9], [5, 9], [9]]
    fidelity = SuccessiveHalving(None, 5.0)
    start(fidelity, 0)
    assert ended(fidelity.report(scored(0, 0.5))) == {"finish": [0]}


def test_a_run_that_goes_on_keeps_its_rungs_whatever_nodes_there_are():
    options = SuccessiveHalving.Options(min_steps=40)
    before, after = SuccessiveHalving(options, 10.0), SuccessiveHalving(options, 40.0)
    after.load_state_dict(json.loads(json.dumps(before.state_dict())))
    assert after.rungs == before.rungs == [4, 9]
    assert after.start(Trial(0, LayeredSpec())) == 4
