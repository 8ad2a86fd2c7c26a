"""How a trial may be trained: what is offered, drawn and encoded."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.architecture.memory import peak_memory
from common.config import compose_config
from common.errors import ConfigError
from common.seeding import generator
from common.settings import TrainingSettings
from common.tasks import Classification, Regression, Task
from server_app.spaces.domains import Choices
from server_app.spaces.recipes import RecipeSpace, largest, read_choices
from server_app.trials import Recipe

VECTOR = Task((4,), Classification(3))
OFFERED = {
    "optimizer": ["sgd", "adam"],
    "learning_rate": [0.003, 0.001, 0.01],
    "momentum": [0.9, 0.0],
    "batch_size": [16, 64],
    "augmentation": [[], ["jitter"]],
    "epochs": 2,
}
SPACE = RecipeSpace.of(OFFERED, VECTOR)
FOREIGN = Recipe(learning_rate=0.5, epochs=7, weight_decay=0.1)
RECIPES = st.builds(
    Recipe,
    optimizer=st.sampled_from(["adam", "sgd"]),
    learning_rate=st.sampled_from([0.001, 0.003, 0.01, 0.5]),
    momentum=st.sampled_from([0.0, 0.9]),
    batch_size=st.sampled_from([16, 64, 512]),
    proximal_mu=st.sampled_from([0.0, 0.1]),
    augmentation=st.sampled_from([(), ("jitter",)]),
    epochs=st.sampled_from([2, 7]),
)


class Silent:
    """A generator that nobody may draw from."""

    def __getattr__(self, name):
        raise AssertionError("nothing is to be drawn")


def changed(a, b):
    return [name for name in SPACE.domains if getattr(a, name) != getattr(b, name)]


# ---------------------------------------------------------------- what is read


def test_one_value_is_one_choice_and_the_first_is_the_default():
    read = read_choices({"learning_rate": [1, 0.1], "augmentation": ["jitter"], "epochs": 3, "label_smoothing": None})
    assert read["learning_rate"] == Choices((1.0, 0.1))
    assert (read["augmentation"], read["epochs"], read["label_smoothing"]) == (
        Choices((("jitter",),)),
        Choices((3,)),
        None,
    )
    assert read["batch_size"] == Choices((TrainingSettings().batch_size,))
    assert SPACE.default == Recipe("sgd", 0.003, 16, 2, 0.9)
    assert SPACE.size == 2 * 3 * 2 * 2 * 2 == len(set(SPACE.enumerate()))
    assert next(SPACE.enumerate()) == SPACE.default


def test_what_is_empty_is_one_augmentation_and_lists_of_it_are_choices():
    assert read_choices({"augmentation": []})["augmentation"] == Choices(((),))
    assert read_choices({"augmentation": [[]]})["augmentation"] == Choices(((),))
    assert read_choices({"augmentation": [[], ["flip", "crop"]]})["augmentation"] == Choices(((), ("flip", "crop")))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"lr": 1}, r"training\.lr=1 is no option; training has optimizer, learning_rate"),
        ({"lr": [1, 2]}, r"training\.lr is no option"),
        ({"learning_rate": []}, r"training\.learning_rate must have a value, or choices, got \[\]"),
        ({"learning_rate": [0.1, 0.1]}, r"training\.learning_rate must not repeat a choice, got \[0\.1, 0\.1\]"),
        ({"momentum": [0, 0.0]}, r"training\.momentum must not repeat"),
        ({"augmentation": [["jitter"], ["jitter"]]}, r"training\.augmentation must not repeat"),
        ({"learning_rate": "abc"}, r"training\.learning_rate must be a valid number, got 'abc'"),
        ({"learning_rate": [0.1, None]}, r"training\.learning_rate must be a valid number, got None"),
        ({"learning_rate": None}, r"training\.learning_rate must be a valid number, got None"),
        ({"learning_rate": [0.1, 0]}, r"training\.learning_rate must be above 0, got 0"),
        ({"label_smoothing": [0, None]}, r"training\.label_smoothing must be a valid number, got None"),
        ({"epochs": [1, 1.5]}, r"training\.epochs must be a valid integer.*got 1\.5"),
        ({"schedule": ["constant", "step"]}, r"training\.schedule must be 'constant' or 'cosine', got 'step'"),
        ({"augmentation": "flip"}, r"training\.augmentation must be a valid tuple, got 'flip'"),
        ({"augmentation": [["flip"], "crop"]}, r"training\.augmentation must be a valid tuple, got 'crop'"),
        ({"augmentation": ["wings"]}, r"training\.augmentation is a list of different names .*\['wings'\]"),
    ],
)
def test_what_cannot_be_offered_is_named(values, words):
    with pytest.raises(ConfigError, match=words):
        read_choices(values)


@pytest.mark.parametrize(
    ("shape", "offered"),
    [
        ((4,), [(), ("jitter",)]),
        ((2, 9), [(), ("jitter", "scale"), ("jitter", "scale", "shift")]),
        ((6, 9), [(), ("jitter", "scale"), ("jitter", "scale", "shift"), ("rotate", "jitter", "scale")]),
        ((1, 8, 8), [(), ("crop",), ("flip", "crop")]),
    ],
)
def test_what_is_left_to_the_data_suits_them(shape, offered):
    space = RecipeSpace.of({"augmentation": None, "label_smoothing": None}, Task(shape, Classification(3)))
    assert space.domains["augmentation"] == Choices(tuple(offered))
    assert space.domains["label_smoothing"] == Choices((0.0, 0.1))
    assert space.size == 2 * len(offered)


def test_what_has_no_classes_is_not_smoothed():
    assert RecipeSpace.of({"label_smoothing": None}, Task((4,), Regression())).size == 1
    assert RecipeSpace.of({"class_weights": None}, Task((4,), Regression())).size == 1
    assert RecipeSpace.of({"class_weights": None}, Task((4,), Classification(3))).domains["class_weights"] == Choices(
        ("none", "balanced")
    )


@pytest.mark.parametrize(
    "values", [{"label_smoothing": [0, 0.1]}, {"class_weights": "balanced"}, {"augmentation": [[], ["shift"]]}]
)
def test_every_choice_suits_the_task(values):
    with pytest.raises(ConfigError, match=next(iter(values))):
        RecipeSpace.of(values, Task((4,), Regression()))


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_of_the_configurations_one_searches_recipes_and_the_others_do_not(name):
    assert RecipeSpace.of(compose_config([f"training={name}"]).training, VECTOR).size == 1
    searched = RecipeSpace.of(compose_config(["training=searched"]).training, VECTOR)
    assert searched.default == replace(RecipeSpace.of(compose_config().training, VECTOR).default, learning_rate=0.003)
    assert searched.size == 3 * 3 * 2 * 2 * 2 * 2


def test_every_setting_has_a_domain():
    with pytest.raises(ConfigError, match=r"for each of optimizer, .*'epochs'"):
        RecipeSpace({name: choices for name, choices in SPACE.domains.items() if name != "epochs"})


# ---------------------------------------------------------------- one recipe


@given(RECIPES, RECIPES)
def test_one_recipe_draws_nothing(recipe, other):
    space, silent = RecipeSpace.fixed(recipe), Silent()
    assert (space.size, space.default, space.largest, space.searched) == (1, recipe, recipe, ())
    assert list(space.enumerate()) == [recipe]
    assert space.sample(silent) == space.within(other) == space.crossover(recipe, other, silent) == recipe
    assert space.mutate(other, silent) == other
    assert space.sample_other((), silent) == recipe
    assert space.sample_other({recipe}, silent) is None
    assert space.encode(recipe).shape == (0,)


# ---------------------------------------------------------------- what is drawn


def test_samples_are_uniform():
    rng = generator(0, "recipes")
    drawn = [SPACE.sample(rng) for _ in range(3000)]
    for name in SPACE.searched:
        values = SPACE.domains[name].values
        deviation = math.sqrt(3000 * (1 / len(values)) * (1 - 1 / len(values)))
        counts = [sum(getattr(recipe, name) == value for recipe in drawn) for value in values]
        assert all(abs(count - 3000 / len(values)) < 5 * deviation for count in counts)
    assert all(map(SPACE.offers, drawn))


@given(RECIPES, st.integers(0, 99))
def test_a_mutation_changes_one_setting_to_another_choice(recipe, seed):
    mutant = SPACE.mutate(recipe, generator(seed))
    (name,) = changed(recipe, mutant)
    assert name in SPACE.searched
    assert getattr(mutant, name) in SPACE.domains[name]


def test_every_setting_with_a_choice_mutates():
    mutants = [SPACE.mutate(SPACE.default, generator(seed)) for seed in range(200)]
    assert {changed(SPACE.default, mutant)[0] for mutant in mutants} == set(SPACE.searched)


@given(RECIPES, RECIPES, st.integers(0, 99))
def test_a_child_has_each_setting_of_a_parent(a, b, seed):
    child = SPACE.crossover(a, b, generator(seed))
    assert all(getattr(child, name) in (getattr(a, name), getattr(b, name)) for name in SPACE.domains)
    assert SPACE.crossover(a, a, Silent()) == a


def test_children_have_settings_of_both():
    a, b = SPACE.default, Recipe("adam", 0.01, 64, 2, 0.0, augmentation=("jitter",))
    children = {SPACE.crossover(a, b, generator(seed)) for seed in range(300)}
    assert len(children) == 2**5


@given(RECIPES)
def test_within_keeps_what_is_offered(recipe):
    inside = SPACE.within(recipe)
    assert SPACE.offers(inside)
    assert inside in set(SPACE.enumerate())
    for name in changed(recipe, inside):
        assert getattr(recipe, name) not in SPACE.domains[name]
        assert getattr(inside, name) == SPACE.domains[name].values[0]


def test_what_was_taken_is_not_drawn_and_the_rest_is():
    every = list(SPACE.enumerate())
    taken = {*every[::3], *every[-5:], FOREIGN}
    drawn = {SPACE.sample_other(taken, generator(seed)) for seed in range(600)}
    assert drawn == set(every) - taken
    assert SPACE.sample_other(set(every), Silent()) is None
    assert SPACE.sample_other(set(every[1:]), Silent()) == every[0]


# ---------------------------------------------------------------- memory


@given(st.lists(RECIPES, min_size=1, max_size=5))
def test_the_largest_needs_at_least_what_each_needs(recipes):
    graph = LayeredSpec((Linear(50),)).lower(VECTOR)
    assert peak_memory(graph, largest(recipes)) >= max(peak_memory(graph, recipe) for recipe in recipes)


def test_the_largest_of_a_space_is_one_of_it():
    graph = LayeredSpec((Linear(50),)).lower(VECTOR)
    most = SPACE.largest
    assert (most.batch_size, most.optimizer) == (64, "adam")
    assert SPACE.offers(most)
    assert peak_memory(graph, most) == max(peak_memory(graph, recipe) for recipe in SPACE.enumerate())


# ---------------------------------------------------------------- for surrogates


def test_different_recipes_have_different_vectors_of_one_length():
    vectors = {tuple(SPACE.encode(recipe)) for recipe in SPACE.enumerate()}
    assert len(vectors) == SPACE.size
    assert {len(vector) for vector in vectors} == {2 + 1 + 1 + 1 + 2}
    assert all(0 <= number <= 1 for vector in vectors for number in vector)


def test_words_are_one_hot_and_numbers_their_rank():
    # optimizer sgd, adam; learning rates in ascending order 0.001, 0.003, 0.01; batches 16, 64; momentum 0, 0.9
    recipe = Recipe("adam", 0.003, 64, 2, 0.0, augmentation=("jitter",))
    np.testing.assert_array_equal(SPACE.encode(recipe), [0, 1, 0.5, 1, 0, 0, 1])
    np.testing.assert_array_equal(SPACE.encode(FOREIGN), [0, 1, 1, 1 / 3, 0, 1, 0])  # 32 is a third of 16 to 64
