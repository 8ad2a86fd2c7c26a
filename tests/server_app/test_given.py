"""What a configuration gives to begin with."""

from __future__ import annotations

import pytest

from common.architecture.spec import ArchitectureSpec
from common.errors import ConfigError
from common.tasks import Classification, Task
from server_app.controllers.observations import Suggestion
from server_app.given import baseline_of, check_given, start_of
from server_app.trials import Recipe

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


def test_a_baseline_fits_the_examples(configure):
    baseline = {"version": 1, "kind": "layered", "layers": [{"op": "conv2d", "width": 4, "kernel": 3}]}
    with pytest.raises(ConfigError, match=r"^baseline must fit examples of shape \(4,\) .*, got 'conv2d 4"):
        baseline_of(configure(baseline=baseline), Task((4,), Classification(3)))
