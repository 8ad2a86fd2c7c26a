"""Networks are cut from shared tensors, and merged into them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.architecture.graph import INPUT, GraphBuilder
from common.architecture.initial import initial_weights
from common.architecture.layout import layout, state_size, views_of
from common.architecture.operations import BatchNorm, Convolution, GlobalPool
from common.architecture.operations import Linear as LinearMap
from server_app.blobs import Blobs
from server_app.supernet.blocks import blocks_of
from server_app.supernet.shared import Part, Shared
from tests.support.kinds import NO_NETWORKS, SPACES, TASKS, space_of

CASES = [(case, data) for case, (kinds, _) in SPACES.items() if case not in NO_NETWORKS for data in kinds]


def network(width, kernel=3):
    """Return a convolution with batch norm, and a head of two outputs."""
    builder = GraphBuilder((1, 9))
    x = builder.add("norm", BatchNorm(), builder.add("conv", Convolution(width, kernel, bias=False), INPUT))
    builder.add("classifier", LinearMap(2), builder.add("mean", GlobalPool("avg"), x))
    return builder.graph()


def filled(graph, value):
    return np.full(state_size(layout(graph)), value, np.float32)


def tensors(shared, graph):
    return views_of(shared.cut(graph), layout(graph))


def random_of(graph, rng):
    return rng.normal(size=state_size(layout(graph))).astype(np.float32)


def test_what_two_networks_have_is_their_weighted_mean_and_what_nobody_has_stays():
    shared, small, middle, large = Shared(0), network(1), network(2), network(3)
    before = tensors(shared, large)
    parts = [Part(small, filled(small, 5), 1), Part(middle, filled(middle, 9), 3)]
    shared.merge(parts)
    after = tensors(shared, large)
    for name in ("conv.weight", "norm.weight", "norm.running_var"):
        assert (after[name][0] == 8).all(), "(5 + 3 * 9) / 4"
        assert (after[name][1] == 9).all()
        np.testing.assert_array_equal(after[name][2], before[name][2])
    assert (after["classifier.weight"][:, 0] == 8).all()
    assert (after["classifier.bias"] == 8).all()


def test_a_smaller_window_is_the_middle_of_a_larger_one():
    shared, small, large = Shared(0), network(1, 3), network(1, 7)
    before = tensors(shared, large)["conv.weight"][0, 0]
    np.testing.assert_array_equal(tensors(shared, small)["conv.weight"][0, 0], before[2:5])
    shared.merge([Part(small, filled(small, 2), 1)])
    np.testing.assert_array_equal(tensors(shared, large)["conv.weight"][0, 0], [*before[:2], 2, 2, 2, *before[5:]])


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_what_grows_keeps_what_it_had(kernel):
    shared, small, large = Shared(0), network(2, kernel), network(4, 7)
    had = random_of(small, np.random.default_rng(0))
    shared.merge([Part(small, had, 1)])
    size = shared.size
    shared.cut(large)
    assert shared.size == state_size(layout(large)) > size
    np.testing.assert_array_equal(shared.cut(small), had)


def test_it_begins_as_networks_do():
    graph = network(64, 7)
    own, other = tensors(Shared(0), graph), views_of(initial_weights(graph, np.random.default_rng(0)), layout(graph))
    for name in ("norm.weight", "norm.bias", "norm.running_mean", "norm.running_var"):
        np.testing.assert_array_equal(own[name], other[name])
    bound = 1 / np.sqrt(7)
    assert abs(own["conv.weight"]).max() <= bound
    np.testing.assert_allclose(own["conv.weight"].std(), bound / np.sqrt(3), rtol=0.1)  # of U(-b, b)
    assert (Shared(0).cut(graph) == Shared(0).cut(graph)).all()
    assert (Shared(0).cut(graph) != Shared(1).cut(graph)).any()


@pytest.mark.parametrize(("case", "data"), CASES)
@settings(max_examples=8)
@given(seed=st.integers(0, 2**32 - 1))
def test_in_every_space_a_part_comes_back_as_it_was_trained_and_the_rest_stays(case, data, seed):
    """Cutting and merging one network is the identity; a number that nobody trained is the same, bit for bit."""
    rng, space, shared = np.random.default_rng(seed), space_of(case, data), Shared(seed)
    graphs = [space.sample(rng).lower(TASKS[data]) for _ in range(3)]
    for graph in graphs:
        shared.cut(graph)
    shapes, before = shared.state_dict()["shapes"], shared.state_dict()["tensors"].copy()
    first = shared.cut(graphs[0])
    shared.merge([Part(graphs[0], first, 17)])
    np.testing.assert_array_equal(shared.state_dict()["tensors"], before)
    trained = random_of(graphs[0], rng)
    shared.merge([Part(graphs[0], trained, 17)])
    np.testing.assert_array_equal(shared.cut(graphs[0]), trained)
    after = shared.state_dict()
    assert after["shapes"] == shapes
    assert (after["tensors"] != before).sum() <= trained.size, "nothing else was written"


@pytest.mark.parametrize(("case", "data"), CASES)
def test_the_whole_is_as_large_as_its_largest_parts(case, data):
    """Each tensor is one of some network, and as wide along each axis as the widest of these; so nothing is beside."""
    rng, space, shared = np.random.default_rng(0), space_of(case, data), Shared(0)
    graphs = [space.sample(rng).lower(TASKS[data]) for _ in range(12)]
    extents: dict[str, tuple[int, ...]] = {}
    for graph in graphs:
        shared.cut(graph)
        for block in blocks_of(graph):
            extents[block.key] = tuple(map(max, extents.get(block.key, block.shape), block.shape))
    assert {key: tensor.shape for key, tensor in shared.tensors.items()} == extents
    assert not any(shared.missing(graph) for graph in graphs)


def test_the_order_of_networks_does_not_matter():
    graphs, rng = [network(width, kernel) for width, kernel in ((1, 3), (3, 5), (2, 7))], np.random.default_rng(0)
    parts = [Part(graph, random_of(graph, rng), weight) for graph, weight in zip(graphs, (3, 1, 7), strict=True)]
    wholes = []
    for order in ((0, 1, 2), (2, 0, 1), (1, 2, 0)):
        shared = Shared(0)
        shared.cut(network(3, 7))
        shared.merge([parts[index] for index in order])
        wholes.append(shared.cut(network(3, 7)))
    np.testing.assert_allclose(wholes[1], wholes[0], rtol=1e-6)
    np.testing.assert_allclose(wholes[2], wholes[0], rtol=1e-6)


def test_saved_and_restored_in_the_middle_equals_never_interrupted():
    graphs, rng, blobs = [network(width) for width in (1, 4, 2, 6)], np.random.default_rng(0), Blobs(None)
    whole, other = Shared(5), Shared(5)
    for graph in graphs:
        trained = random_of(graph, rng)
        for shared in (whole, other):
            shared.cut(graph)
            shared.merge([Part(graph, trained, 2)])
        state = json.loads(json.dumps(blobs.put_state(other.state_dict())))
        other = Shared(5)
        other.load_state_dict(blobs.get_state(state))
    for graph in graphs:
        np.testing.assert_array_equal(other.cut(graph), whole.cut(graph))


def test_nothing_comes_of_nothing():
    shared = Shared(0)
    assert shared.size == 0
    shared.merge([])
    other = Shared(0)
    other.load_state_dict(shared.state_dict())
    assert other.size == 0
