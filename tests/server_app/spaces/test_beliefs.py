"""What an expert expects of any space, and what is said of a mistake."""

from __future__ import annotations

from collections import Counter

import pytest

from common.errors import ConfigError
from common.seeding import generator
from common.tasks import Classification, Task
from server_app.spaces.base import drawn_by
from server_app.spaces.beliefs import Beliefs
from server_app.spaces.domains import Choices, Interval
from server_app.spaces.layered import LayeredSpace
from server_app.spaces.priors import Expected
from server_app.spaces.recipes import RecipeSpace
from tests.support.spaces import with_recipes

SEQUENCE = Task((3, 21), Classification(4))
WIDTHS, BATCHES = Choices((8, 16, 32)), Choices(((), ("jitter",)))


def test_a_question_is_meant_by_its_name_or_by_the_last_part_of_it():
    beliefs = Beliefs({"width": 16, "layers.1.width": 32}, 0.7)
    assert beliefs.of("layers.0.width", WIDTHS) == Expected(WIDTHS.values, 16, 0.7)
    assert beliefs.of("layers.1.width", WIDTHS) == Expected(WIDTHS.values, 32, 0.7)
    assert beliefs.of("layers.0.kernel", WIDTHS) is WIDTHS


@pytest.mark.parametrize(
    ("typed", "domain", "meant"),
    [
        (["jitter"], BATCHES, ("jitter",)),
        ([], BATCHES, ()),
        (None, Choices((None, 4)), None),
        (4.0, Choices((None, 4)), 4),
        (True, Choices((False, True)), True),
    ],
)
def test_values_are_meant_as_they_are_typed(typed, domain, meant):
    assert Beliefs({"it": typed}).of("a.it", domain).expected == meant


@pytest.mark.parametrize(
    ("typed", "domain"),
    [(64, WIDTHS), (True, Choices((0, 1))), (8, Choices((8,))), (0.5, Interval(0.0, 1.0)), ("a", Choices(("b", "c")))],
)
def test_what_is_not_offered_or_the_only_thing_that_is_or_a_range_stays_as_it_is(typed, domain):
    assert Beliefs({"it": typed}).of("it", domain) is domain


def test_a_front_end_is_meant_by_its_operation():
    space = LayeredSpace(SEQUENCE)
    space.beliefs = Beliefs({"join": "log_energy"}, 0.99)
    joins = Counter(None if spec.join is None else spec.join.op for spec in drawn(space, 200))
    assert joins["log_energy"] > joins[None] > 0  # a front end as the first layer has none


def drawn(space, times):
    rng = generator(0, "drawn")
    return [space.sample(rng) for _ in range(times)]


def test_settings_of_training_are_expected_too_and_the_default_stays():
    space = with_recipes(LayeredSpace(SEQUENCE)).recipes
    expecting = space.expecting(Beliefs({"learning_rate": 0.003}, 0.9))
    assert expecting.default == space.default
    rates = Counter(recipe.learning_rate for recipe in drawn(expecting, 300))
    # 0.9 and half of the rest
    assert rates[0.003] / 300 == pytest.approx(0.95, abs=0.05)


def checked(expected):
    trials = with_recipes(LayeredSpace(SEQUENCE))
    Beliefs(expected).check(trials.made, drawn_by(generator(0)))


def test_what_is_asked_and_offered_is_no_mistake():
    checked({"layers.0.op": "conv1d", "width": 8, "training.learning_rate": 0.003, "schedule": "cosine", "join": None})
    checked({})


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        ({"widht": 8}, r"search\.priors names questions that the space asks, got 'widht'.*layers.*\.\.\."),
        ({"width": 7}, r"search\.priors\.width must be among what is offered, 8, 16, 32, 64, 128, got 7"),
        ({"layers.99.op": "linear"}, "questions that the space asks"),
    ],
)
def test_a_mistake_is_told_with_what_there_is(expected, words):
    with pytest.raises(ConfigError, match=words):
        checked(expected)


def test_recipes_without_a_choice_expect_nothing():
    fixed = RecipeSpace.fixed(with_recipes(LayeredSpace(SEQUENCE)).recipes.default)
    assert fixed.expecting(Beliefs({"learning_rate": 0.5})) == fixed
