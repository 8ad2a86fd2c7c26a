import numpy as np
import pytest

from common.architecture.cost import cost_of
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.errors import SpecError
from common.seeding import generator
from common.tasks import Classification, Task
from server_app.show.survey import Bin, histogram, landmarks, survey
from server_app.spaces.layered import LayeredSpace
from server_app.spaces.listed import ListedSpace

TASK = Task((4,), Classification(3))
IMAGE = Task((1, 4, 4), Classification(3))


def chains(task=TASK, **options):
    plain = {"activation": ["relu"], "norm": ["none"], "dropout": 0.0, "skip": 0.0, "max_layers": 1}
    return LayeredSpace(task, LayeredSpace.Options(**{"max_parameters": None, "max_macs": None, **plain, **options}))


def test_a_survey_draws_until_enough_are_legal():
    # linear layers of 4 inputs and 3 classes: width w has 4 w + w + 3 w + 3 = 8 w + 3 parameters
    space = chains(width=[2, 4, 8], min_layers=1, max_parameters=8 * 4 + 3)
    found = survey(space, generator(0, "test"), 60, 1000)
    assert len(found.found) == 60
    assert {spec.layers[0].width for spec, _ in found.found} == {2, 4}
    assert all(cost == cost_of(spec.lower(TASK)) for spec, cost in found.found)
    assert found.broken == {"with more than 35 parameters": found.draws - 60}
    assert len(found.different) == 2


def test_it_draws_what_a_search_samples():
    space = chains(width=[2, 4, 8, 16], max_layers=3, max_parameters=100)
    rng = generator(0, "test")
    assert [spec for spec, _ in survey(space, generator(0, "test"), 20, 1000).found] == [
        space.sample(rng) for _ in range(20)
    ]


def test_each_reason_is_counted_on_its_own():
    space = chains(IMAGE, operations=["max_pool", "linear"], pool_kernel=[2, 5], reduce=["flatten"], width=[1, 90, 9])
    # width 9 has 16 x 9 + 9 x 3 MACs = 171, and as many weights with 9 + 3 biases; width 90 ten times as many MACs
    space.max_macs = 1000
    found = survey(space, generator(0, "test"), 400, 4000)
    assert set(found.broken) == {"that do not fit the input", "with more than 1,000 MACs"}
    assert found.draws == 400 + sum(found.broken.values())
    space.excess = lambda spec: "too wide" if spec.layers == (Linear(9, norm="none"),) else ""
    assert "that the space does not hold" in survey(space, generator(0, "test"), 400, 4000).broken


def test_it_ends_where_hardly_anything_is_legal():
    found = survey(chains(width=[2], max_parameters=1), generator(0, "test"), 10, 50)
    assert (found.found, found.draws, sum(found.broken.values())) == ((), 50, 50)


def test_a_list_is_a_space_too():
    specs = [LayeredSpec((Linear(width),)) for width in (2, 3)]
    space = ListedSpace(TASK, ListedSpace.Options([spec.to_dict() for spec in specs]))
    found = survey(space, generator(0, "test"), 50, 100)
    assert {spec for spec, _ in found.different} == set(specs)
    with pytest.raises(SpecError):
        space.check(LayeredSpec())


def test_landmarks_are_values_that_were_found():
    values = list(range(1, 101))
    assert landmarks(values[::-1]) == (1, 50, 95, 100)
    assert landmarks([7]) == (7, 7, 7, 7)
    assert landmarks([1, 1000]) == (1, 1, 1000, 1000)


def test_bins_have_round_borders_and_hold_each_value_once():
    assert histogram([0, 1, 1, 4, 10, 19, 20]) == (
        Bin(0, 1, 1),
        Bin(1, 2, 2),
        Bin(2, 5, 1),
        Bin(5, 10, 0),
        Bin(10, 20, 2),
        Bin(20, 50, 1),
    )
    assert histogram([0]) == (Bin(0, 1, 1),)
    assert histogram([100, 199]) == (Bin(100, 200, 2),)
    assert histogram([2, 5]) == (Bin(2, 5, 1), Bin(5, 10, 1))


def test_bins_hold_all_of_many_values():
    values = generator(0, "test").integers(0, 10**7, 500)
    bins = histogram(values.tolist())
    for each in bins:
        assert each.count == np.count_nonzero((values >= each.low) & (values < each.high))
    assert sum(each.count for each in bins) == 500
    assert bins[0].count
    assert bins[-1].count
