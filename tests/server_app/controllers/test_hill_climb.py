import pytest

from common.errors import ConfigError
from server_app.controllers.hill_climb import HillClimb
from server_app.trials import TrialState
from tests.support.trials import scored, trial_of


def observe(controller, proposal, score, rung=1, state=TrialState.FINISHED):
    controller.observe(trial_of(proposal, score, rung, state), final=True)


def always(space, start=()):
    return HillClimb(space, 0, 100, HillClimb.Options(mutation_probability=1.0), start)


def test_climbs_where_luck_does_not_lead(space, search, luck):
    for seed in range(4):
        assert max(trial.score for trial in search(HillClimb(space, seed, 200))) >= 0.9
    assert luck(0.9, 200) < 0.001


def test_mutates_seven_times_in_ten(space):
    origins = []
    for seed in range(300):
        controller = HillClimb(space, seed, 2)
        observe(controller, controller.propose(1)[0], 0.5)
        origins.append(controller.propose(1)[0].origin)
    assert set(origins) == {"mutation", "sample"}
    assert abs(origins.count("mutation") - 210) < 4 * 7.9  # standard deviation sqrt(300 x 0.7 x 0.3)


def test_the_parent_is_the_best_so_far(space, search):
    trials = search(HillClimb(space, 0, 100))
    for trial in trials:
        if trial.origin == "mutation":
            earlier = trials[: trial.number]
            assert trial.parent == max(earlier, key=lambda seen: (seen.score, -seen.number)).number


def test_a_higher_rung_beats_a_higher_score(space):
    controller = always(space)
    first, second, third = controller.propose(3)
    observe(controller, second, 0.2, rung=2)
    observe(controller, first, 0.9, rung=1, state=TrialState.STOPPED)
    observe(controller, third, 0.1, rung=2)
    assert controller.propose(1)[0].parent == second.number


def test_a_failed_trial_is_never_the_best(space):
    controller = always(space)
    first, second = controller.propose(2)
    observe(controller, first, 0.9, rung=3, state=TrialState.FAILED)
    assert controller.propose(1)[0].origin == "sample"
    observe(controller, second, -1.0)
    assert controller.propose(1)[0].parent == second.number


def test_ties_go_to_the_lower_loss(space):
    controller = always(space)
    first, second, third = controller.propose(3)
    for proposal, tie in ((first, -0.9), (second, -0.4), (third, None)):
        controller.observe(scored(trial_of(proposal, 0.5), 0.5, tie=tie), final=True)
    assert controller.propose(1)[0].parent == second.number
    assert [seen.tie for seen in controller.history] == [-0.9, -0.4, None]


def test_ties_go_to_the_earlier_trial_whatever_the_order(space):
    controller = always(space)
    first, second = controller.propose(2)
    observe(controller, second, 0.5)
    observe(controller, first, 0.5)
    assert controller.propose(1)[0].parent == first.number


@pytest.mark.parametrize("probability", [-0.1, 1.1])
def test_options_are_checked(probability):
    with pytest.raises(ConfigError, match="mutation_probability"):
        HillClimb.Options(mutation_probability=probability)
