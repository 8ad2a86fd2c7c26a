import pytest

from common.config import compose_benchmark, options_of
from common.errors import ConfigError
from common.seeding import generator
from server_app.controllers.optuna import Optuna
from server_app.controllers.random import Random
from server_app.spaces.listed import ListedSpace
from server_app.trials import Trial, TrialState
from tests.server_app.controllers.conftest import closeness
from tests.support.spaces import with_recipes
from tests.support.trials import scored


def make(space, trials=60, seed=0, **options):
    return Optuna(space, seed, trials, Optuna.Options(**options))


def observe(controller, proposal, *point, rung=1, final=True, **fields):
    trial = Trial.of(proposal)
    state = TrialState.FINISHED if final else TrialState.WAITING
    scored(trial, point[0], rung, further=point[1:], **fields).state = state
    controller.observe(trial, final)


def told(controller, monkeypatch):
    """Let a controller propose once more; returns the trials and the number of objectives that its sampler sees."""
    from server_app import optuna_study

    seen = []
    original = optuna_study.study_of

    def spying(trials, objectives, sampler):
        seen.append((list(trials), objectives))
        return original(trials, objectives, sampler)

    monkeypatch.setattr(optuna_study, "study_of", spying)
    controller.propose(1)
    ((trials, objectives),) = seen
    return trials, objectives


def test_the_first_proposals_are_draws_of_the_space_and_so_are_all_before_there_is_a_score(space):
    controller = make(space, startup=3)
    proposals = controller.propose(5)
    assert {proposal.origin for proposal in proposals} == {"sample"}
    observe(controller, proposals[0], 0.5)
    assert controller.propose(1)[0].origin == "optuna"


def test_the_sampler_is_told_what_became_of_each_trial(space, monkeypatch):
    """The highest rung is complete, what came less far is pruned, what failed or has not ended is that."""
    controller = make(space, startup=6)
    proposals = controller.propose(6)
    observe(controller, proposals[0], 0.5, rung=2)
    observe(controller, proposals[1], 0.7, rung=1)
    failed = Trial.of(proposals[2])
    failed.state = TrialState.FAILED
    controller.observe(failed, final=True)
    observe(controller, proposals[3], 0.6, rung=1, final=False)
    observe(controller, proposals[5], 0.4, rung=2)
    trials, objectives = told(controller, monkeypatch)
    assert objectives == 1
    assert [trial.state.name for trial in trials] == ["COMPLETE", "PRUNED", "FAIL", "RUNNING", "RUNNING", "COMPLETE"]
    assert [trial.values for trial in trials] == [[0.5], None, None, None, None, [0.4]]
    assert [trial.intermediate_values for trial in trials] == [{2: 0.5}, {1: 0.7}, {}, {1: 0.6}, {}, {2: 0.4}]
    assert all(trial.constraints == {} for trial in trials)
    depths = [trial.params[name] for trial in trials for name in trial.params if name.startswith("layers of")]
    assert depths == [len(proposal.spec.layers) - 3 for proposal in proposals], "from 3 to 5, by their place"


def test_constraints_are_told_of_where_one_is_broken(space, monkeypatch):
    controller = make(space, startup=2)
    proposals = controller.propose(2)
    observe(controller, proposals[0], 0.5)
    observe(controller, proposals[1], 0.9, feasible=False, violation=0.25)
    trials, _ = told(controller, monkeypatch)
    assert [trial.constraints for trial in trials] == [{"violation": 0.0}, {"violation": 0.25}]


def test_of_several_objectives_all_are_told_and_nothing_of_rungs(space, monkeypatch):
    controller = make(space, startup=2)
    proposals = controller.propose(2)
    observe(controller, proposals[0], 0.5, -3.0, rung=2)
    observe(controller, proposals[1], 0.9, -4.0, rung=1)
    trials, objectives = told(controller, monkeypatch)
    assert objectives == 2
    assert [trial.values for trial in trials] == [[0.5, -3.0], None]
    assert [trial.intermediate_values for trial in trials] == [{}, {}]


def test_what_was_put_off_is_not_mixed_up_with_what_has_its_number(space, monkeypatch):
    controller = make(space, startup=1)
    observe(controller, controller.propose(1)[0], 0.5)
    controller.put_off(controller.propose(1)[0])
    (proposal,) = controller.propose(1)
    told(controller, monkeypatch)
    trials, _ = told(controller, monkeypatch)
    (depth,) = (value for name, value in trials[1].params.items() if name.startswith("layers of"))
    assert depth == len(proposal.spec.layers) - 3
    assert [trial.number for trial in trials] == [-1] * 3


def test_tpe_comes_closer_than_luck(space, search):
    """The mean of the last 20 of 40 trials, in two seeds, against that of random search."""

    def late(controller):
        return sum(trial.score for trial in search(controller)[20:])

    assert sum(late(make(space, 40, seed)) for seed in (0, 1)) > sum(late(Random(space, seed, 40)) for seed in (0, 1))


def test_once_half_of_a_space_was_tried_the_rest_is_drawn(space):
    """Of three specs with four recipes each there are twelve trials, of which seven are more than half."""
    specs = [space.sample(generator(number))[0] for number in range(3)]
    few = ListedSpace(space.space.task, ListedSpace.Options([spec.to_dict() for spec in specs]))
    controller, origins = make(with_recipes(few), 20, startup=2), []
    while proposals := controller.propose(1):
        origins.append(proposals[0].origin)
        observe(controller, proposals[0], 0.5)
    assert len(origins) == 12
    assert "optuna" in origins[2:7]
    assert set(origins[7:]) == {"sample"}


@pytest.mark.parametrize(
    "options",
    [
        {"sampler": "RandomSampler"},
        {"sampler": "GPSampler", "sampler_options": {"n_startup_trials": 4}},
        {"sampler": "NSGAIISampler", "sampler_options": {"population_size": 4}},
        {"sampler": "NSGAIIISampler", "sampler_options": {"population_size": 4}},
        {"sampler": "BruteForceSampler"},
        {"sampler_options": {"group": True}},
        {"sampler_options": {"multivariate": False}},
    ],
    ids=lambda options: "-".join(map(str, [options.get("sampler", "TPESampler"), *options.get("sampler_options", {})])),
)
@pytest.mark.parametrize("objectives", [1, 2])
def test_any_sampler_proposes_what_is_new_and_is_restored(space, options, objectives, capfd):
    """Nothing is printed either, and none warns."""

    def make_one():
        return make(space, 10, startup=4, **options)

    def point(spec):
        return (closeness(spec), -float(len(spec.layers)))[:objectives]

    controller, states = make_one(), []
    while proposals := controller.propose(1):
        observe(controller, proposals[0], *point(proposals[0].spec))
        states.append(controller.state_dict())
    assert len(set(controller._proposed)) == 10
    restored = make_one()
    restored.load_state_dict(states[6])
    while proposals := restored.propose(1):
        observe(restored, proposals[0], *point(proposals[0].spec))
    assert restored.state_dict() == states[-1]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"sampler": "Best"}, "controller.sampler "),
        ({"sampler_options": {"x": 1}}, "controller.sampler_options"),
        ({"startup": -1}, "controller.startup"),
    ],
)
def test_options_are_checked(options, named):
    with pytest.raises(ConfigError, match=named):
        Optuna.Options(**options)


def test_options_of_the_sampler_are_typed_as_they_are():
    plain = compose_benchmark(["controller=optuna", "controller.sampler_options={multivariate: false}"])["controller"]
    assert options_of(plain, Optuna.Options, "controller").sampler_options == {"multivariate": False}
