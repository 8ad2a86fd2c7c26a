"""What the base class of spaces makes of a subclass: lists, samples and mutants that are legal."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.errors import SpaceError
from common.seeding import generator
from common.tasks import Classification, Task
from server_app.spaces.layered import LayeredSpace
from server_app.spaces.listed import ListedSpace

VECTOR = Task((4,), Classification(2))
IMAGE = Task((1, 6, 6), Classification(3))


def layered(task=VECTOR, **options):
    depths = {"min_layers": 1, "max_layers": 2}
    defaults = {**depths, "width": [2, 3], "activation": ["relu"], "norm": ["none"], "dropout": 0.0, "skip": 0.0}
    unlimited = {"max_parameters": None, "max_macs": None}
    return LayeredSpace(task, LayeredSpace.Options(**{**defaults, **unlimited, **options}))


def listed(count, **limits):
    specs = [LayeredSpec((Linear(width + 2),)).to_dict() for width in range(count)]
    return ListedSpace(VECTOR, ListedSpace.Options(specs, **limits))


FINITE = [
    layered(),
    layered(skip=0.5, norm=["none", "batch"]),
    layered(min_layers=0, max_layers=0),
    layered(min_layers=None),
    layered(IMAGE, operations=["linear", "conv2d", "max_pool"], kernel=[1, 3], stride=[1], skip=0.5, max_macs=500),
    layered(IMAGE, operations=["max_pool"], max_layers=4, dropout={"low": 0.0, "high": 0.5}),
    layered(
        Task((2, 9), Classification(2)), operations=["conv1d", "avg_pool"], reduce=["avg", "max"], max_parameters=60
    ),
    listed(7),
    listed(7, max_parameters=40),
]


def rare():
    """Of 10 ** 4 specs, the one of the narrowest layers is legal: 4 x 2 + 2, three times 2 x 2 + 2, and 2 x 2 + 2."""
    return layered(min_layers=4, max_layers=4, width=list(range(2, 12)), max_parameters=10 + 3 * 6 + 6)


# ---------------------------------------------------------------- lists


@pytest.mark.parametrize("space", FINITE)
def test_each_spec_that_is_counted_is_listed_once(space):
    found = list(space.enumerate())
    assert len(found) == len(set(found)) == space.size()
    for spec in found:
        space._check_membership(spec)
    assert found == list(space.enumerate())


@pytest.mark.parametrize("space", FINITE)
def test_what_is_legal_is_what_belongs_and_meets_the_constraints(space):
    assert list(space.legal()) == [spec for spec in space.enumerate() if space.contains(spec)]
    assert space.legal() is space.legal()


def test_some_of_these_spaces_hold_what_is_illegal():
    shares = [len(space.legal()) / space.size() for space in FINITE]
    assert [share < 1 for share in shares] == [False, False, False, False, True, True, True, False, True]
    assert min(shares) > 0


@given(st.sampled_from(FINITE), st.integers(0, 2**31))
@settings(max_examples=100)
def test_all_that_is_drawn_is_on_the_list(space, seed):
    rng, legal = generator(seed), set(space.legal())
    a, b = space.sample(rng), space.sample(rng)
    assert {a, b, space.mutate(a, rng), space.crossover(a, b, rng), space.sample_other((), rng)} <= legal


def test_a_large_space_is_listed_one_by_one_and_not_whole():
    space = layered(max_layers=5, width=list(range(2, 90)))
    assert space.size() > 1e9
    assert [len(spec.layers) for spec in itertools.islice(space.enumerate(), 100)] == [1] * 88 + [2] * 12
    assert space.legal() is None


@pytest.mark.parametrize(("count", "is_listed"), [(100, True), (101, False)])
def test_up_to_10_000_specs_are_listed(count, is_listed):
    # One layer: 100 widths times the choices of dropout.
    space = layered(min_layers=1, max_layers=1, width=list(range(2, 102)), dropout=[n / 1000 for n in range(count)])
    assert space.size() == 100 * count
    assert (space.legal() is not None) == is_listed


def test_a_continuous_choice_cannot_be_listed():
    space = layered(dropout={"low": 0.0, "high": 0.5})
    assert space.size() == math.inf
    assert space.legal() is None
    with pytest.raises(SpaceError, match=r"finite space can be listed.*space\.dropout"):
        space.enumerate()


def test_other_limits_of_the_nodes_make_another_list():
    space = listed(5)
    assert len(space.legal()) == 5
    space.excess = lambda spec: "" if spec.layers[0].width < 4 else "too wide"
    assert [spec.layers[0].width for spec in space.legal()] == [2, 3]


# ---------------------------------------------------------------- what is rare


def test_the_only_legal_spec_is_drawn():
    # A draw finds it in 1 of 10 000, so 100 of them nearly never do.
    space = rare()
    only = LayeredSpec((Linear(2, norm="none"),) * 4)
    assert space.sample(generator(0)) == only
    assert space.mutate(only, generator(0)) == only
    assert space.sample_other((), generator(0)) == only
    assert space.sample_other({only}, generator(0)) is None


def test_what_is_drawn_does_not_depend_on_what_was_listed_before():
    fresh, used = rare(), rare()
    used.legal()
    one, other = generator(1), generator(1)
    assert fresh.sample(one) == used.sample(other)
    assert one.random() == other.random()


def test_a_mutant_is_another_spec_where_there_is_one_however_far():
    """The two legal specs differ in all four layers, so that no mutation leads from one to the other."""
    space = layered(min_layers=4, max_layers=4, width=list(range(2, 12)))
    pair = [LayeredSpec((Linear(width, norm="none"),) * 4) for width in (2, 11)]
    space.excess = lambda spec: "" if spec in pair else "neither"
    assert space.mutate(pair[0], generator(0)) == pair[1]
    assert space.mutate(pair[1], generator(0)) == pair[0]


def test_others_are_drawn_equally_often():
    # 3 of 7 are free; 600 draws make 200 of each, standard deviation sqrt(600 x 1/3 x 2/3) = 11.5.
    space = listed(7)
    *taken, a, b, c = space.specs
    rng = generator(0)
    drawn = [space.sample_other(taken, rng) for _ in range(600)]
    assert all(abs(drawn.count(spec) - 200) < 5 * 11.5 for spec in (a, b, c))
    assert set(drawn) == {a, b, c}


def test_in_an_infinite_space_others_are_drawn_until_200_were_taken():
    """Four decimals make two specs of this range; that 200 samples are all the same one is out of the question."""
    space = layered(max_layers=1, width=[2], dropout={"low": 0.0, "high": 0.0001})
    a, b = (LayeredSpec((Linear(2, norm="none", dropout=dropout),)) for dropout in (0.0, 0.0001))
    assert space.sample_other({a}, generator(0)) == b
    assert space.sample_other({a, b}, generator(0)) is None


# ---------------------------------------------------------------- what is not there


def test_a_finite_space_without_anything_legal_says_that_all_was_tried():
    space = layered(max_parameters=3)
    assert space.legal() == ()
    assert space.sample_other((), generator(0)) is None
    with pytest.raises(SpaceError, match=r"but all its 6 specs broke its constraints .*allows 3 parameters"):
        space.sample(generator(0))


def test_an_infinite_space_without_anything_legal_says_how_much_was_tried():
    space = layered(max_parameters=3, dropout={"low": 0.0, "high": 0.5})
    assert space.sample_other((), generator(0)) is None
    with pytest.raises(SpaceError, match=r"but 1000 draws broke its constraints .*allows 3 parameters"):
        space.sample(generator(0))


# ---------------------------------------------------------------- draws


@pytest.mark.parametrize("space", [*FINITE, rare()])
def test_draws_say_of_each_spec_whether_it_is_legal(space):
    for spec, reason in itertools.islice(space.draws(generator(0, "draws")), 50):
        assert (reason is None) == space.contains(spec)


def test_a_sample_is_the_first_legal_draw():
    space = layered(max_layers=3, width=[2, 3, 40], max_parameters=60)
    for seed in range(20):
        draws = space.draws(generator(seed, "draws"))
        assert space.sample(generator(seed, "draws")) == next(spec for spec, reason in draws if reason is None)


# ---------------------------------------------------------------- different samples


@pytest.mark.parametrize("space", FINITE)
def test_different_samples_are_legal_and_differ_and_end_where_there_are_no_more(space):
    legal = set(space.legal())
    found = space.samples(3, generator(0))
    assert len(found) == len(set(found)) == min(3, len(legal))
    assert set(found) <= legal
    assert set(space.samples(10_000, generator(0))) == legal


def test_different_samples_of_a_space_that_is_too_large_to_list():
    space = layered(max_layers=6, width=list(range(2, 12)))
    assert space.legal() is None
    found = space.samples(300, generator(0))
    assert len(set(found)) == 300
    assert found == space.samples(300, generator(0))
    assert found[:50] == space.samples(50, generator(0))
    assert found != space.samples(300, generator(1))


def test_different_samples_end_where_the_same_few_come_again_and_again():
    space = layered(max_layers=1, width=[2, 3], dropout={"low": 0.0, "high": 0.5}, max_parameters=4 * 2 + 2)
    assert space.legal() is None
    with pytest.raises(SpaceError):
        space.samples(5, generator(0))
    # a linear map alone has 10 parameters, and a layer of 2 has more; without dropout there would be one such spec
    few = layered(min_layers=0, max_layers=1, width=[2, 3], dropout={"low": 0.0, "high": 0.5}, max_parameters=10)
    assert len(few.samples(5, generator(0))) == 1
