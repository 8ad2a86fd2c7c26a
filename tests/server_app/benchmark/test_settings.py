"""From what people typed to what is compared."""

import pytest

from common.errors import ConfigError
from server_app.benchmark.settings import contenders_of, settings_of
from server_app.controllers.evolution import Evolution
from server_app.fidelity.full import Full
from server_app.fidelity.successive_halving import SuccessiveHalving
from tests.support.tables import table

PLAIN, WITH_CURVES = table(2), table(2, epochs=9)


def names(*overrides, of=PLAIN):
    return [contender.name for contender in contenders_of(overrides, of)]


def test_what_is_not_named_has_its_default():
    settings = settings_of(["space.table=a b.json", "seeds=7"])
    assert (settings.budget, settings.seeds, settings.parallel, settings.workers) == (200, 7, 1, None)
    assert settings.space["table"] == "a b.json"
    (contender,) = contenders_of([], PLAIN)
    assert (contender.name, contender.controller, contender.controller_options) == (
        "evolution",
        "evolution",
        Evolution.Options(),
    )
    assert (contender.fidelity, contender.fidelity_options) == ("full", Full.Options(max_rounds=1))


def test_controllers_are_compared_in_the_order_of_their_names():
    assert names("controller=random,evolution,random") == ["random", "evolution"]
    assert names("controller=random", "controller=evolution") == ["evolution"]


def test_an_option_is_for_those_that_have_it():
    found = contenders_of(["controller=evolution,random", "controller.population_size=10"], PLAIN)
    assert [contender.name for contender in found] == ["evolution", "random"]
    assert found[0].controller_options.population_size == 10


def test_values_of_options_are_compared_too():
    options = ["controller.population_size=10,20", "controller.sample_size=2,3", "controller.mutation_probability=0.5"]
    found = contenders_of(["controller=evolution,hill_climb", *options], PLAIN)
    assert [contender.name for contender in found] == [
        "evolution population_size=10 sample_size=2",
        "evolution population_size=10 sample_size=3",
        "evolution population_size=20 sample_size=2",
        "evolution population_size=20 sample_size=3",
        "hill_climb",
    ]
    assert found[3].controller_options == Evolution.Options(population_size=20, sample_size=3)
    assert found[4].controller_options.mutation_probability == 0.5


def test_fidelities_are_compared_too():
    assert names("fidelity=full,successive_halving", of=WITH_CURVES) == [
        "evolution full",
        "evolution successive_halving",
    ]
    assert names("fidelity=successive_halving", "fidelity.eta=2,3", of=WITH_CURVES) == [
        "evolution eta=2",
        "evolution eta=3",
    ]


def test_rounds_are_epochs_and_there_is_no_doubt_unless_they_are_named():
    (contender,) = contenders_of(["fidelity=successive_halving"], WITH_CURVES)
    assert contender.fidelity_options == SuccessiveHalving.Options(max_rounds=9, doubt=0.0)
    named = ["fidelity=successive_halving", "fidelity.max_rounds=3", "fidelity.doubt=2"]
    (contender,) = contenders_of(named, WITH_CURVES)
    assert (contender.fidelity_options.max_rounds, contender.fidelity_options.doubt) == (3, 2.0)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["controller=rendom"], "controller must be one of .*'rendom'"),
        (["controller=random", "controller.population_size=3"], "random have no options. Remove controller.popul"),
        (["controller.population=3"], "controller.population is no option; evolution have crossover_probability, "),
        (["+controller.population=3"], "controller.population is no option"),
        (["controller.population_size=1"], "population_size must be 2 or more, got 1"),
        (["controller.population_size=many"], "controller.population_size must be a valid integer, got 'many'"),
        (["fidelity=one_shot"], "fidelity=one_shot scores weights that trials share, and a table has none"),
        (
            ["controller=random,darts"],
            "training a network of all options on nodes, and a table has none, got 'controller=d",
        ),
        (["fidelity=successive_halving"], "needs learning curves, which the table does not have"),
        (["fidelity.proxy.score=naswot"], "proxy.score needs nodes that score networks, and a table has none"),
        (["fidelity.max_rounds=2"], "max_rounds must be 1 at most, the epochs of the table, got 2"),
        (["controller=["], "An override has the form name=value, got"),
    ],
)
def test_contenders_that_make_no_sense_are_refused(overrides, said):
    with pytest.raises(ConfigError, match=said):
        contenders_of(overrides, PLAIN)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["budget=0"], "budget must be 1 or more, got 0"),
        (["seeds=0"], "seeds must be 1 or more"),
        (["workers=-1"], "workers must be 1 or more"),
        (["parallel=many"], "parallel must be a valid integer, got 'many'"),
        (["budget=100,200"], "Only options of controller and fidelity may have several values, got 'budget=100,200'"),
        (["budgets=100"], r"budgets is no option; .* Write budget\."),
        (["space=layered"], "looks scores up in a table, got 'space=layered'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(overrides, said):
    with pytest.raises(ConfigError, match=said):
        settings_of(overrides)
