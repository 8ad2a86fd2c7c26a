import statistics

import pytest

from common.errors import ConfigError
from server_app.controllers.evolution import Evolution
from server_app.trials import TrialState
from tests.support.trials import trial_of


def make(space, trials=100, seed=0, **options):
    return Evolution(space, seed, trials, Evolution.Options(**options))


def observe(controller, proposal, score, rung=1, state=TrialState.FINISHED):
    controller.observe(trial_of(proposal, score, rung, state), final=True)


def test_evolves_where_luck_does_not_lead(space, search, luck):
    best = [max(trial.score for trial in search(make(space, 300, seed))) for seed in range(5)]
    assert statistics.median(best) >= 0.8
    assert luck(0.8, 300) < 0.06


def test_the_first_population_is_random_and_the_rest_descends_from_it(space, search):
    trials = search(make(space, 60, population_size=20))
    assert [trial.origin for trial in trials] == ["sample"] * 20 + ["mutation"] * 40


def test_only_the_last_observed_are_parents(space, search):
    trials = search(make(space, 80, population_size=10, sample_size=3))
    assert all(trial.number - 10 <= trial.parent < trial.number for trial in trials[10:])
    assert len({trial.parent for trial in trials[10:]}) > 10


def test_a_large_tournament_is_won_by_the_best(space):
    # 100 draws of 4 members miss one of them with probability (3/4)**100 < 1e-12.
    controller = make(space, 200, population_size=100, sample_size=100)
    for proposal in controller.propose(100):
        state = TrialState.FINISHED if proposal.number < 4 else TrialState.FAILED
        observe(controller, proposal, [0.3, 0.1, 0.4, 0.2, 0.9][min(proposal.number, 4)], state=state)
    assert {proposal.parent for proposal in controller.propose(10)} == {2}


def test_a_tournament_draws_with_replacement(space):
    # Of tournaments of 2 among 2, the worse one wins only if it is drawn twice: 1 in 4.
    wins = 0
    for seed in range(300):
        controller = make(space, 3, seed, population_size=2, sample_size=2)
        worse, better = controller.propose(2)
        observe(controller, worse, 0.1)
        observe(controller, better, 0.2)
        wins += controller.propose(1)[0].parent == worse.number
    assert abs(wins - 75) < 4 * 7.5  # standard deviation sqrt(300 x 1/4 x 3/4)


def test_failed_trials_never_live(space):
    controller = make(space, population_size=2, sample_size=1)
    survivor, *others = controller.propose(3)
    observe(controller, survivor, 0.1)
    for proposal in others:
        observe(controller, proposal, 0.9, state=TrialState.FAILED)
    assert {proposal.parent for proposal in controller.propose(10)} == {survivor.number}


def test_a_higher_rung_beats_a_higher_score(space):
    controller = make(space, 200, population_size=100, sample_size=100)
    proposals = controller.propose(100)
    for proposal in proposals[:3]:
        observe(controller, proposal, 0.9, rung=1, state=TrialState.STOPPED)
    observe(controller, proposals[3], 0.1, rung=2)
    assert {proposal.parent for proposal in controller.propose(10)} == {3}


def test_never_waits_for_trials_in_flight(space):
    controller = make(space, population_size=4, sample_size=2)
    early = controller.propose(8)
    assert {proposal.origin for proposal in early} == {"sample"}
    observe(controller, early[5], 0.1)
    assert [(proposal.origin, proposal.parent) for proposal in controller.propose(2)] == [("mutation", 5)] * 2


def test_crossover_mixes_two_parents(space, search):
    trials = search(make(space, 60, population_size=20, crossover_probability=1.0))
    assert [trial.origin for trial in trials[:20]] == ["sample"] * 20
    assert "crossover" in {trial.origin for trial in trials[20:]}
    assert "mutation" not in {trial.origin for trial in trials}


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"population_size": 1}, "population_size"),
        ({"sample_size": 0}, "sample_size"),
        ({"sample_size": 21}, "sample_size"),
        ({"crossover_probability": 1.5}, "crossover_probability"),
    ],
)
def test_options_are_checked(options, named):
    with pytest.raises(ConfigError, match=named):
        Evolution.Options(**options)
