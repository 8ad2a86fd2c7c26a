"""Architectures with recipes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.errors import ConfigError, SpecError
from common.seeding import generator
from common.tasks import Classification, Task
from server_app.spaces.listed import ListedSpace
from server_app.spaces.recipes import RecipeSpace
from server_app.trials import Recipe
from tests.support.spaces import everything, with_one_recipe, with_recipes
from tests.support.tables import tabular_space

TASK = Task((4,), Classification(2))
SPECS = [LayeredSpec((Linear(width),)) for width in (5, 3, 9)]
FOREIGN = Recipe(learning_rate=0.5, epochs=7)
SEEDS = st.integers(0, 999)


def listed(specs=SPECS):
    return ListedSpace(TASK, ListedSpace.Options([spec.to_dict() for spec in specs]))


TRIALS = with_recipes(listed())
EVERY = [(spec, recipe) for spec in SPECS for recipe in TRIALS.recipes.enumerate()]
IDENTITIES = st.sampled_from([*EVERY, *((spec, FOREIGN) for spec in SPECS)])


@pytest.mark.parametrize("space", everything()[:4])
def test_with_one_recipe_architectures_are_drawn_as_ever(space):
    """The same specs from the same generator, and what follows is the same."""
    trials, ours, theirs = with_one_recipe(space), generator(1), generator(1)
    for _ in range(20):
        (a, recipe), b = trials.sample(ours), trials.sample(ours)
        c, d = space.sample(theirs), space.sample(theirs)
        assert (a, b[0], recipe) == (c, d, Recipe())
        assert trials.mutate((a, recipe), ours) == (space.mutate(c, theirs), recipe)
        assert trials.crossover((a, recipe), b, ours) == (space.crossover(c, d, theirs), recipe)
        assert trials.sample_other({b, (a, FOREIGN)}, ours) == (space.sample_other({d}, theirs), recipe)
    assert ours.random() == theirs.random()


def test_the_size_is_that_of_a_product():
    assert TRIALS.size() == 3 * 4 == len(set(EVERY))
    assert with_one_recipe(listed()).size() == 3


def test_samples_reach_everything():
    assert {TRIALS.sample(generator(seed)) for seed in range(200)} == set(EVERY)


@given(IDENTITIES, SEEDS)
def test_a_mutation_changes_one_thing_and_stays_inside(identity, seed):
    spec, recipe = TRIALS.mutate(identity, generator(seed))
    assert (spec, recipe) in EVERY
    assert (spec, recipe) != identity
    if spec != identity[0]:
        assert recipe == TRIALS.recipes.within(identity[1])


def test_half_of_the_mutations_are_of_the_recipe():
    # 400 mutations, deviation sqrt(400 / 4) = 10
    kept = sum(TRIALS.mutate(EVERY[0], generator(seed))[0] == EVERY[0][0] for seed in range(400))
    assert abs(kept - 200) < 5 * 10


def test_where_only_one_can_change_it_does():
    alone = with_recipes(listed(SPECS[:1]))
    identity = (SPECS[0], Recipe())
    mutants = [alone.mutate(identity, generator(seed)) for seed in range(50)]
    assert all(spec == SPECS[0] and recipe != Recipe() for spec, recipe in mutants)
    assert with_one_recipe(listed(SPECS[:1])).mutate(identity, generator(0)) == identity
    assert with_one_recipe(listed()).mutate(identity, generator(0))[0] != SPECS[0]


@given(IDENTITIES, IDENTITIES, SEEDS)
def test_a_child_is_a_mix_that_is_offered(a, b, seed):
    spec, recipe = TRIALS.crossover(a, b, generator(seed))
    assert spec in (a[0], b[0])
    assert (spec, recipe) in EVERY


@given(st.sets(IDENTITIES), SEEDS)
def test_what_was_taken_is_not_drawn_again_and_the_end_is_known(taken, seed):
    other = TRIALS.sample_other(taken, generator(seed))
    if set(EVERY) <= taken:
        assert other is None
    else:
        assert other in set(EVERY) - taken


def test_the_last_one_is_found():
    for last in EVERY:
        assert TRIALS.sample_other(set(EVERY) - {last}, generator(0)) == last
    assert TRIALS.sample_other(set(EVERY), generator(0)) is None


def test_what_belongs_has_a_spec_of_the_space_and_a_recipe_for_the_task():
    TRIALS.check((SPECS[0], FOREIGN))
    assert TRIALS.contains((SPECS[0], FOREIGN))
    stranger, unfit = (LayeredSpec((Linear(4),)), Recipe()), (SPECS[0], Recipe(augmentation=("flip",)))
    with pytest.raises(SpecError, match="none of them"):
        TRIALS.check(stranger)
    with pytest.raises(ConfigError, match="vectors is among jitter"):
        TRIALS.check(unfit)
    assert not TRIALS.contains(stranger)
    assert not TRIALS.contains(unfit)


def test_a_vector_is_the_spec_s_and_the_recipe_s():
    assert len({tuple(TRIALS.encode(identity)) for identity in EVERY}) == len(EVERY)
    space, recipes = listed(), RecipeSpace.of({"schedule": ["constant", "cosine"]}, TASK)
    trials = type(TRIALS)(space, recipes)
    np.testing.assert_array_equal(trials.encode((SPECS[1], Recipe(schedule="cosine"))), [0, 1, 0, 0, 1])


def test_the_cost_is_the_spec_s():
    assert TRIALS.cost(SPECS[0]) == TRIALS.space.cost(SPECS[0])


def test_an_effort_grows_with_macs_and_epochs_and_a_table_s_is_none():
    once, thrice = ([TRIALS.effort((spec, Recipe(epochs=epochs))) for spec in SPECS[:2]] for epochs in (1, 3))
    assert thrice == [3 * each for each in once]
    assert once[0] - once[1] == TRIALS.cost(SPECS[0]).macs - TRIALS.cost(SPECS[1]).macs
    table = with_one_recipe(tabular_space())
    assert table.effort(table.sample(np.random.default_rng(0))) == 1


@pytest.mark.parametrize("space", everything())
def test_what_was_asked_is_told_with_its_answers(space):
    """`made` makes the trial again where it is asked the same and answered so."""
    trials = with_recipes(space)
    for seed in range(10):
        identity = trials.sample(generator(seed))
        asked = trials.asked(identity)
        assert {name: answer for name, (_, answer) in asked.items()} == trials.answers(identity)

        def ask(name, domain, asked=asked):
            assert asked[name][0] == domain
            return asked[name][1]

        assert trials.made(ask) == identity


def test_what_was_asked_is_told_of_what_is_too_large_by_now_and_of_a_foreign_recipe_as_far_as_it_is_offered():
    space = everything()[0]
    spec = space.sample(generator(1))
    before = with_recipes(space).asked((spec, FOREIGN))
    assert before["training.learning_rate"] == (with_recipes(space).recipes.domains["learning_rate"], 0.001)
    space.excess = lambda one: "too large"  # noqa: ARG005
    assert with_recipes(space).asked((spec, FOREIGN)) == before


def test_of_what_the_space_does_not_offer_the_recipe_alone_is_told():
    stranger = LayeredSpec((Linear(7),))
    assert set(TRIALS.asked((stranger, FOREIGN))) == {"training.learning_rate", "training.schedule"}
