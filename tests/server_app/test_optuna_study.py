"""What a sampler of Optuna is told of trials, and how it answers the questions of a space."""

import sys
import warnings
from importlib import import_module

import optuna
import pytest

from common.errors import ConfigError
from server_app.optuna_study import answering, known, parameters_of, quiet, sampler_of, study_of
from server_app.spaces.domains import Choices, Interval

WIDTH = Choices((64, 16, 32))
NORM = Choices(("group", "batch"))
LISTS = Choices(((), ("flip", "crop")))


def study(trials=(), objectives=1, sampler="RandomSampler", **options):
    return study_of(trials, objectives, sampler_of(sampler, options, 7))


def one(domain, answer, value):
    return known("complete", parameters_of({"x": (domain, answer)}), (value,))


def test_numbers_are_told_as_their_place_in_order_and_all_else_as_a_category():
    asked = {"width": (WIDTH, 64), "norm": (NORM, "batch"), "lists": (LISTS, ()), "dropout": (Interval(0.0, 0.5), 0.1)}
    params, distributions = parameters_of(asked)
    assert list(params.values()) == [2, 1, 0, 0.1]
    assert list(distributions.values()) == [
        optuna.distributions.IntDistribution(0, 2),
        optuna.distributions.CategoricalDistribution((0, 1)),
        optuna.distributions.CategoricalDistribution((0, 1)),
        optuna.distributions.FloatDistribution(0.0, 0.5),
    ]


def test_what_has_one_answer_is_no_parameter_and_one_name_with_other_answers_is_another():
    assert parameters_of({"norm": (Choices(("none",)), "none")}) == ({}, {})
    (first,), (second,) = (parameters_of({"skip": (Choices((None, *range(end))), None)})[0] for end in (1, 2))
    assert first != second


def test_truth_is_no_number():
    _, distributions = parameters_of({"x": (Choices((False, True)), True)})
    assert list(distributions.values()) == [optuna.distributions.CategoricalDistribution((0, 1))]


def test_answers_are_of_their_domains_and_all_of_them_come():
    asked = study()
    found = {"width": set(), "norm": set(), "lists": set()}
    for _ in range(60):
        ask = answering(asked)
        for name, domain in (("width", WIDTH), ("norm", NORM), ("lists", LISTS)):
            found[name].add(ask(name, domain))
        assert 0.0 <= ask("dropout", Interval(0.0, 0.5)) <= 0.5
        assert ask("depth", Choices((3,))) == 3
    # a value is missed with probability (2/3)^60 at most
    assert found == {"width": {64, 16, 32}, "norm": {"group", "batch"}, "lists": {(), ("flip", "crop")}}


def test_one_name_may_be_asked_with_other_answers_in_each_trial():
    asked = study()
    for end in (1, 2, 1):
        assert answering(asked)("skip", Choices((None, *range(end)))) in (None, 0, 1)


def test_a_study_has_the_trials_in_order_and_leaves_them_as_they_are():
    trials = [
        one(WIDTH, 16, 0.5),
        known("pruned", ({}, {}), None, {1: 0.2}),
        known("fail", ({}, {})),
        known("running", ({}, {})),
    ]
    made = study(trials).get_trials(deepcopy=False)
    assert [trial.number for trial in made] == [0, 1, 2, 3]
    assert [trial.state.name for trial in made] == ["COMPLETE", "PRUNED", "FAIL", "RUNNING"]
    assert made[0].values == [0.5]
    assert made[1].intermediate_values == {1: 0.2}
    assert {trial.number for trial in trials} == {-1}


def test_more_is_better_and_broken_constraints_are_constraints():
    trials = [
        known("complete", parameters_of({"x": (WIDTH, 16)}), (0.5,), violation=0.0),
        known("complete", parameters_of({"x": (WIDTH, 32)}), (0.4,), violation=0.0),
        known("complete", parameters_of({"x": (WIDTH, 64)}), (0.9,), violation=0.1),
    ]
    assert study(trials).best_trial.number == 0


def test_generations_are_counted_as_a_genetic_sampler_would():
    """Of a population of 2 the first two that are complete are generation 0, the next ones 1; others have none."""
    trials = [one(WIDTH, 16, value) for value in (0.1, 0.2)] + [known("fail", ({}, {}))]
    trials += [one(WIDTH, 16, value) for value in (0.3, 0.4, 0.5)]
    made = study(trials, sampler="NSGAIISampler", population_size=2).get_trials(deepcopy=False)
    found = [trial.system_attrs.get("NSGAIISampler:generation") for trial in made]
    assert found == [0, 0, None, 1, 1, 2]
    sampler = sampler_of("NSGAIISampler", {"population_size": 2}, 7)
    for several in (made[:1], made[:4], made):  # what Optuna itself makes of that
        rebuilt = study_of([one(WIDTH, 16, 0.5) for trial in several if trial.values], 1, sampler)
        complete = sum(trial.values is not None for trial in several)
        assert sampler.get_trial_generation(rebuilt, rebuilt.ask()._cached_frozen_trial) == complete // 2


def test_a_sampler_learns_from_what_it_is_told():
    """Of two answers one was good in all of 40 trials and the other bad: TPE nearly always takes the good one."""
    trials = [one(NORM, ("group", "batch")[number % 2], float(number % 2)) for number in range(40)]
    asked = study(trials, sampler="TPESampler")
    answers = [answering(asked)("x", NORM) for _ in range(10)]
    assert answers.count("batch") >= 8


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("Tpe", {}, "controller.sampler must be one of BruteForceSampler, GPSampler, NSGAIIISampler"),
        ("BaseSampler", {}, "controller.sampler must be one of"),
        ("nsgaii", {}, "controller.sampler must be one of"),
        ("CmaEsSampler", {}, "CmaEsSampler keeps what it has learnt as pickled objects"),
        ("TPESampler", {"population": 3}, "controller.sampler_options must be what TPESampler takes .*population"),
        ("TPESampler", {"seed": 3}, "controller.sampler_options must be what TPESampler takes .*seed"),
        ("NSGAIISampler", {"population_size": 1}, "greater than or equal to 2"),
    ],
)
def test_a_sampler_that_cannot_be_had_is_told_of(name, options, told):
    with pytest.raises(ConfigError, match=told):
        sampler_of(name, options, 0)


def test_a_sampler_that_cannot_search_a_space_is_told_of():
    with pytest.raises(ConfigError, match=r"must be able to search this space .*infinite.* got 'BruteForceSampler'"):
        answering(study(sampler="BruteForceSampler"))("dropout", Interval(0.0, 0.5))


def test_what_optuna_warns_of_stays_inside():
    with quiet():
        warnings.warn("new", optuna.exceptions.ExperimentalWarning, stacklevel=1)
        sampler_of("TPESampler", {"group": True}, 0)
    with pytest.raises(optuna.exceptions.ExperimentalWarning):
        warnings.warn("new", optuna.exceptions.ExperimentalWarning, stacklevel=1)


def test_without_optuna_it_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "server_app.optuna_study")
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError, match=r'Optuna must be installed.* pip install "flwr-nas\[optuna\]"'):
        import_module("server_app.optuna_study")
