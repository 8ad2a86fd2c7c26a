"""A space that is a list."""

import numpy as np
import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.errors import SpaceError, SpecError
from common.seeding import generator
from common.tasks import Classification, Task
from server_app.spaces.listed import ListedSpace

TASK = Task((4,), Classification(2))
SPECS = [LayeredSpec((Linear(width),)) for width in (5, 3, 9)]


def listed(specs=SPECS, **limits):
    return ListedSpace(TASK, ListedSpace.Options([spec.to_dict() for spec in specs], **limits))


def test_a_list_keeps_its_order_and_each_spec_once():
    space = listed([*SPECS, SPECS[0]])
    assert list(space.enumerate()) == SPECS
    assert space.size() == 3


def test_draws_are_uniform_over_the_legal_ones():
    # MACs are 4 x width + width x 2, so 40 leave out the widest; 600 draws make 300 of each, deviation 12.2.
    space, rng = listed(max_macs=40), generator(0)
    drawn = [space._draw(rng) for _ in range(600)]
    assert set(drawn) == set(SPECS[:2])
    assert abs(drawn.count(SPECS[0]) - 300) < 5 * 12.2


def test_limits_of_nodes_that_are_told_later_count_too():
    space = listed()
    space.sample(generator(0))
    space.excess = lambda spec: "too wide" if spec.layers[0].width > 3 else ""
    assert {space.sample(generator(seed)) for seed in range(20)} == {SPECS[1]}


def test_mutants_and_children_are_on_the_list():
    space, rng = listed(), generator(0)
    assert {space.mutate(SPECS[0], rng) for _ in range(50)} == set(SPECS[1:])
    assert {space.crossover(SPECS[0], SPECS[1], rng) for _ in range(50)} == set(SPECS[:2])


def test_what_is_not_on_the_list_is_refused():
    with pytest.raises(SpecError, match="lists 3 specs, and this is none of them"):
        listed().check(LayeredSpec((Linear(4),)))


def test_encodings_are_one_hot():
    np.testing.assert_array_equal([listed().encode(spec) for spec in SPECS], np.eye(3))


def test_an_empty_list_is_no_space():
    with pytest.raises(SpaceError, match="at least one spec"):
        listed([])


def test_a_list_where_nothing_is_legal_says_so():
    with pytest.raises(SpaceError, match=r"all its 3 specs broke its constraints .*allows 1 macs"):
        listed(max_macs=1).sample(generator(0))
