"""What a configuration gives to begin with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.architecture.spec import ArchitectureSpec
from common.config import read_portfolio
from common.errors import ConfigError
from common.tasks import Classification, Task
from server_app.controllers.observations import Suggestion
from server_app.given import baseline_of, check_given, start_of
from server_app.scores import Score
from server_app.spaces.recipes import RecipeSpace
from server_app.trials import Recipe, Trial, TrialState

TASK = Task((4,), Classification(3))
RECIPES = RecipeSpace.fixed(Recipe(epochs=3))
SPEC = {"version": 1, "kind": "layered", "layers": [{"op": "linear", "width": 5, "norm": "none"}]}


def test_an_entry_is_a_spec_or_one_with_a_recipe_that_differs_from_the_default(configure):
    entries = [SPEC, {"spec": SPEC}, {"spec": SPEC, "recipe": {"learning_rate": 0.5}}]
    config = configure(search={"start": entries})
    spec, default = ArchitectureSpec.from_dict(SPEC), Recipe(epochs=3)
    recipes = [default, default, Recipe(epochs=3, learning_rate=0.5)]
    assert start_of(config, default) == [Suggestion((spec, recipe), "given") for recipe in recipes]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"spec": {"op": "linear"}}, r"search\.start\[0\]\.spec must be an architecture spec"),
        ({"spec": SPEC, "score": 3}, r"search\.start\[0\] has a spec and a recipe, got \['score'\]\. Remove score"),
        ({"spec": SPEC, "recipe": 3}, r"search\.start\[0\]\.recipe must hold training settings, got 3"),
        ({"spec": SPEC, "recipe": {"speed": 3}}, r"search\.start\[0\]\.recipe must hold .*knows only .*'speed'"),
        ({"spec": SPEC, "recipe": {"epochs": "3"}}, r"search\.start\[0\]\.recipe must hold .*training\.epochs .*'3'"),
        ({"spec": SPEC, "recipe": {"epochs": 0}}, r"search\.start\[0\]\.recipe must hold .*training\.epochs .* got 0"),
    ],
)
def test_an_entry_that_is_none_is_named(configure, entry, words):
    with pytest.raises(ConfigError, match=words):
        check_given(configure(search={"start": [entry]}))


@pytest.mark.parametrize(
    ("baseline", "recipe"),
    [(SPEC, {}), ({"spec": SPEC}, {}), ({"spec": SPEC, "recipe": {"learning_rate": 0.5}}, {"learning_rate": 0.5})],
)
def test_a_baseline_is_given_as_an_entry_is(configure, baseline, recipe):
    config = configure(final={"baseline": baseline})
    check_given(config)
    recipes = RecipeSpace.of(config.training, TASK)
    expected = (ArchitectureSpec.from_dict(SPEC), replace(recipes.default, **recipe))
    assert baseline_of(config, TASK, recipes, ()) == expected
    assert baseline_of(config, TASK, recipes, [trial(0, 3, "portfolio")]) == expected


@pytest.mark.parametrize(
    ("baseline", "words"),
    [
        ({"op": "linear"}, r"^final\.baseline must be an architecture spec"),
        ({"spec": SPEC, "score": 3}, r"^final\.baseline has a spec and a recipe, got \['score'\]"),
        ({"spec": SPEC, "recipe": {"epochs": 0}}, r"^final\.baseline\.recipe must hold .* got 0"),
    ],
)
def test_a_baseline_that_is_none_is_named(configure, baseline, words):
    with pytest.raises(ConfigError, match=words):
        check_given(configure(final={"baseline": baseline}))


@pytest.mark.parametrize("baseline", [3, "best", None])
def test_a_baseline_is_a_spec_or_the_portfolios(configure, baseline):
    with pytest.raises(ConfigError, match=r"^final\.baseline must be portfolio, or an architecture spec"):
        configure(final={"baseline": baseline})


def test_a_baseline_fits_the_examples(configure):
    baseline = {"version": 1, "kind": "layered", "layers": [{"op": "conv2d", "width": 4, "kernel": 3}]}
    with pytest.raises(ConfigError, match=r"^final\.baseline must fit examples of shape \(4,\) .*, got 'conv2d 4"):
        baseline_of(configure(final={"baseline": baseline}), TASK, RECIPES, ())


def test_a_baselines_recipe_fits_the_examples(configure):
    baseline = {"spec": SPEC, "recipe": {"augmentation": ["flip"]}}
    with pytest.raises(ConfigError, match=r"vectors is among jitter, got \['flip'\]"):
        baseline_of(configure(final={"baseline": baseline}), TASK, RECIPES, ())


def trial(number, width, origin, state=TrialState.FINISHED):
    spec = LayeredSpec((Linear(width=width, norm="none"),))
    return Trial(number, spec, Recipe(epochs=number + 1), origin, state=state, scores=[Score(1, 1, 0.5)])


def test_the_baseline_of_the_portfolio_is_the_best_of_it_that_has_a_score(configure):
    config = configure(final={"baseline": "portfolio"})
    check_given(config)
    ranking = [
        trial(4, 3, "mutation"),
        trial(0, 5, "portfolio", TrialState.FAILED),
        trial(1, 7, "portfolio"),
        trial(2, 9, "portfolio"),
        trial(3, 9, "sample"),
    ]
    assert baseline_of(config, TASK, RECIPES, ranking) == ranking[2].identity


def test_where_the_search_tried_none_of_the_portfolio_the_baseline_is_its_first(configure):
    config = configure(final={"baseline": "portfolio"})
    first = ArchitectureSpec.from_dict(read_portfolio("vector")["mlp"]["spec"]), RECIPES.default
    assert baseline_of(config, TASK, RECIPES, [trial(0, 3, "given")]) == first
    assert baseline_of(config, TASK, RECIPES, ()) == first


def test_where_the_space_holds_none_of_the_portfolio_the_baseline_is_its_first(configure):
    config = configure(final={"baseline": "portfolio"}, search={"start": "portfolio"})
    first = ArchitectureSpec.from_dict(read_portfolio("vector")["mlp"]["spec"]), RECIPES.default
    assert baseline_of(config, TASK, RECIPES, [trial(0, 3, "sample")]) == first


def test_the_first_of_the_portfolio_costs_no_more_than_what_is_searched(configure):
    # 4 inputs, two layers of 64 and 3 classes: 4 x 64 + 64 x 64 + 64 x 3 = 4544 MACs; half as wide, 1248
    space = {**configure().space, "max_macs": 4000}
    config = configure(final={"baseline": "portfolio"}, search={"start": "portfolio"}, space=space)
    spec, recipe = baseline_of(config, TASK, RECIPES, ())
    assert ([layer.width for layer in spec.layers], recipe) == ([32, 32], RECIPES.default)


def test_where_all_that_was_tried_of_the_portfolio_failed_there_is_no_baseline(configure):
    config = configure(final={"baseline": "portfolio"}, search={"start": "portfolio"})
    ranking = [trial(1, 3, "sample"), trial(0, 5, "portfolio", TrialState.FAILED)]
    assert baseline_of(config, TASK, RECIPES, ranking) is None
