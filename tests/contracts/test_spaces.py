"""What every space must hold: run for each choice that the registry finds."""

import itertools
import math

import numpy as np
import pytest

from common.architecture.kinds.constant import ConstantSpec
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.errors import SpaceError, SpecError
from common.seeding import generator
from common.tasks import Classification, Task
from server_app.registry import choices
from server_app.spaces.layered import LayeredSpace
from server_app.spaces.listed import ListedSpace
from server_app.spaces.tabular import TabularSpace
from tests.support.tables import sparse_table, tabular_space

TASK = Task((4,), Classification(2))
SPECS = [LayeredSpec((Linear(width),)).to_dict() for width in range(1, 9)]

SPACES = {
    "layered": [
        lambda: LayeredSpace(TASK, LayeredSpace.Options(max_parameters=None, max_macs=None)),
        lambda: LayeredSpace(TASK, LayeredSpace.Options(max_layers=2, width=[2, 4, 9], max_parameters=60)),
    ],
    "listed": [
        lambda: ListedSpace(TASK, ListedSpace.Options(SPECS)),
        lambda: ListedSpace(TASK, ListedSpace.Options(SPECS, max_parameters=40)),
    ],
    "tabular": [
        lambda: TabularSpace(sparse_table()),
        lambda: tabular_space(max_macs=5_000),
    ],
}
"""For each choice, makers of a space and of one with a constraint."""

PARAMS = [pytest.param(make, id=f"{name}{place}") for name in SPACES for place, make in enumerate(SPACES[name])]


@pytest.fixture(params=PARAMS)
def make(request):
    return request.param


@pytest.fixture
def space(make):
    return make()


def drawn(space, count=40, seed=0):
    rng = generator(seed, "draw")
    return [space.sample(rng) for _ in range(count)]


def test_every_choice_is_here():
    assert sorted(SPACES) == choices("space")


def test_samples_are_legal_and_various(space):
    specs = drawn(space)
    for spec in specs:
        space.check(spec)
    assert len(set(specs)) > 2


def test_the_generator_decides(make):
    assert drawn(make()) == drawn(make())
    assert drawn(make()) != drawn(make(), seed=1)


def test_a_mutant_is_legal_and_another(space):
    rng = generator(0, "mutate")
    for spec in drawn(space):
        mutant = space.mutate(spec, rng)
        space.check(mutant)
        assert mutant != spec


def test_a_child_is_legal(space):
    rng, specs = generator(0, "cross over"), drawn(space)
    for a, b in itertools.pairwise(specs):
        space.check(space.crossover(a, b, rng))


def test_equal_specs_and_no_others_have_equal_vectors(space):
    specs = list(dict.fromkeys(drawn(space)))
    vectors = np.array([space.encode(spec) for spec in specs])
    assert np.isfinite(vectors).all()
    assert len(np.unique(vectors, axis=0)) == len(specs)
    assert np.array_equal(space.encode(specs[0]), vectors[0])


def test_a_finite_space_lists_as_many_as_it_counts(space):
    if math.isinf(space.size()) or space.size() > 10_000:
        return
    specs = list(space.enumerate())
    assert len(specs) == len(set(specs)) == space.size()
    assert set(drawn(space)) <= set(space.legal()) <= set(specs)
    assert set(space.legal()) == set(filter(space.contains, specs))


def test_another_is_none_of_those_that_were_tried(space):
    taken = set(drawn(space))
    rng = generator(0, "other")
    for _ in range(20):
        other = space.sample_other(taken, rng)
        assert other not in taken
        if other is None:
            assert taken == set(space.legal())
            break
        taken.add(other)


def test_what_is_of_no_such_space_is_refused(space):
    with pytest.raises(SpecError):
        space.check(ConstantSpec())
    assert not space.contains(ConstantSpec())


def test_limits_that_are_told_later_hold_for_all_that_is_drawn(space):
    first, *_ = drawn(space, 1)
    space.excess = lambda spec: "" if spec == first else "too large for a node"
    if space.legal() is not None:
        assert {space.sample(generator(seed)) for seed in range(3)} == {first}
    space.excess = lambda spec: "too large for a node"  # noqa: ARG005
    with pytest.raises(SpaceError, match="broke its constraints"):
        space.sample(generator(0))
