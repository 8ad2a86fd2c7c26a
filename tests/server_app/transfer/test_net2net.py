"""What is said to compute the same does, for the mutations of every space; and what can be kept, is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from common.architecture.initial import initial_weights
from common.architecture.kinds.cell import CellSpec
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Conv2d, Linear, MaxPool
from common.architecture.kinds.layers.attention import Attention
from common.architecture.kinds.layers.recurrent import GRU
from common.architecture.kinds.layers.separable import SeparableConv2d
from common.architecture.kinds.mobile import MobileSpec
from common.architecture.kinds.mobile_blocks import InvertedResidual
from common.architecture.layout import layout, views_of
from common.models.builder import build
from common.tasks import Classification, Task
from server_app.spaces.edits import insert_layer, replace_layer
from server_app.spaces.layered import LayeredSpace
from server_app.spaces.layered_options import Mutation
from server_app.transfer.net2net import transfer
from tests.support.kinds import NO_NETWORKS, SPACES, TASKS, space_of

CASES = [(case, data) for case, (kinds, _) in SPACES.items() if case not in NO_NETWORKS for data in kinds]
IMAGE, SEQUENCE, VECTOR = Task((2, 8, 8), Classification(3)), Task((3, 16), Classification(4)), TASKS["vector"]


def trained(graph, rng):
    """Return weights of which no two are alike, norms and their statistics included."""
    weights = initial_weights(graph, rng)
    for name, view in views_of(weights, layout(graph)).items():
        moved = view + rng.normal(0, 0.2, view.shape)
        view[...] = abs(moved) + 0.3 if name.endswith("running_var") else moved
    return weights


def outputs(graph, weights, examples):
    """Return what a network computes as it scores, in double precision."""
    module = build(graph, weights).eval()
    with torch.no_grad():
        return module.double()(torch.from_numpy(examples)).numpy()


def handed_down(old, new, task, seed=0):
    """Return whether the function is said to be kept, how far the outputs are apart, and the child's weights."""
    rng = np.random.default_rng(seed)
    parent, child = old.lower(task), new.lower(task)
    weights, fresh = trained(parent, rng), initial_weights(child, rng)
    kept = fresh.copy()
    begun = transfer(parent, weights, child, fresh, np.random.default_rng(seed))
    np.testing.assert_array_equal(fresh, kept)
    assert begun.weights.dtype == np.float32
    assert np.isfinite(begun.weights).all()
    examples = rng.normal(size=(6, *task.input_shape))
    before, after = outputs(parent, weights, examples), outputs(child, begun.weights, examples)
    return begun.preserved, abs(after - before).max() / abs(before).max(), begun.weights


@pytest.mark.parametrize(("case", "data"), CASES)
@settings(max_examples=12)
@given(seed=st.integers(0, 2**32 - 1), mutations=st.integers(1, 2))
def test_what_is_said_to_be_kept_is_kept(case, data, seed, mutations):
    rng = np.random.default_rng(seed)
    space = space_of(case, data)
    old = new = space.sample(rng)
    for _ in range(mutations):
        new = space.mutate(new, rng)
    preserved, apart, _ = handed_down(old, new, TASKS[data], seed)
    assert not preserved or apart < 1e-4  # weights are float32


@pytest.mark.parametrize(("case", "data"), CASES)
def test_an_architecture_hands_all_down_to_itself(case, data):
    rng = np.random.default_rng(3)
    for _ in range(5):
        graph = space_of(case, data).sample(rng).lower(TASKS[data])
        weights = trained(graph, rng)
        begun = transfer(graph, weights, graph, initial_weights(graph, rng), rng)
        assert begun.preserved
        np.testing.assert_array_equal(begun.weights, weights)


def chain(*layers, reduce="flatten", **ends):
    return LayeredSpec(tuple(layers), reduce, **ends)


PLAIN = {"norm": "none"}
IMAGES = chain(Conv2d(8), MaxPool(2), Conv2d(8, **PLAIN, skip=0), Linear(12, **PLAIN))
VECTORS = chain(Linear(16, **PLAIN), Linear(12, norm="batch"))
MOBILE = MobileSpec(tuple(InvertedResidual(8, kernel=3, expansion=2) for _ in range(2)), stem_width=8)
CELL = CellSpec("nasbench201", (((0, "conv1"),), ((1, "skip"),), ((0, "skip"), (2, "conv3"))), cells=3, channels=4)


def with_layer(spec, index, **fields):
    return replace_layer(spec, index, replace(spec.layers[index], **fields))


KEPT = {
    "wider, plain": (VECTORS, with_layer(VECTORS, 0, width=23), VECTOR),
    "wider, batch norm": (VECTORS, with_layer(VECTORS, 1, width=23), VECTOR),
    "twice as wide, group norm": (chain(Conv2d(8), reduce="avg"), chain(Conv2d(16), reduce="avg"), IMAGE),
    "wider, flattened": (chain(Conv2d(8)), chain(Conv2d(24)), IMAGE),
    "wider, recurrent": (chain(GRU(5), reduce="avg"), chain(GRU(9), reduce="avg"), SEQUENCE),
    "greater kernel": (IMAGES, with_layer(IMAGES, 0, kernel=5), IMAGE),
    "dilated kernel": (chain(Conv2d(8, kernel=1)), chain(Conv2d(8, kernel=3, dilation=2)), IMAGE),
    "separable": (chain(Conv2d(8, kernel=1)), chain(SeparableConv2d(8, kernel=5)), IMAGE),
    "identity after relu": (VECTORS, insert_layer(VECTORS, 1, Linear(16, **PLAIN)), VECTOR),
    "wider identity": (VECTORS, insert_layer(VECTORS, 1, Linear(21, **PLAIN)), VECTOR),
    "identity without activation": (VECTORS, insert_layer(VECTORS, 0, Linear(5, **PLAIN, activation="none")), VECTOR),
    "identity convolution": (IMAGES, insert_layer(IMAGES, 2, Conv2d(8, **PLAIN)), IMAGE),
    "residual": (IMAGES, insert_layer(IMAGES, 2, Conv2d(8, activation="gelu", skip=1)), IMAGE),
    "projected skip": (VECTORS, with_layer(VECTORS, 1, skip=-1), VECTOR),
    "dense skip": (VECTORS, with_layer(VECTORS, 1, skip=-1, merge="concat"), VECTOR),
    "dropout": (IMAGES, with_layer(IMAGES, 2, dropout=0.5), IMAGE),
    "wider, with a skip to project": (
        chain(Linear(8, **PLAIN), Linear(8, **PLAIN, skip=0)),
        chain(Linear(16, **PLAIN), Linear(8, **PLAIN, skip=0)),
        VECTOR,
    ),
    "inverted residual": (MOBILE, MobileSpec((*MOBILE.blocks, MOBILE.blocks[0]), stem_width=8), IMAGE),
    "expansion": (
        MOBILE,
        MobileSpec((InvertedResidual(8, kernel=5, expansion=4), MOBILE.blocks[1]), stem_width=8),
        IMAGE,
    ),
    "gates": (
        MobileSpec((InvertedResidual(8, expansion=2, squeeze_excite=True),), stem_width=8),
        MobileSpec((InvertedResidual(8, expansion=4, squeeze_excite=True),), stem_width=8),
        IMAGE,
    ),
    "edge of a cell": (
        CELL,
        CellSpec(
            "nasbench201",
            (((0, "conv1"),), ((0, "conv3"), (1, "skip")), ((0, "skip"), (2, "conv3"))),
            cells=3,
            channels=4,
        ),
        IMAGE,
    ),
    "kernel in a cell": (
        CELL,
        CellSpec("nasbench201", (((0, "conv3"),), ((1, "skip"),), ((0, "skip"), (2, "conv3"))), cells=3, channels=4),
        IMAGE,
    ),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_can_be_kept_is_kept(name):
    preserved, apart, _ = handed_down(*KEPT[name])
    assert preserved
    assert apart < 1e-4


def test_every_mutation_that_widens_or_enlarges_is_kept_and_no_other():
    """Where norms are over the batch, any width will do; dropout plays no part in scoring."""
    options = LayeredSpace.Options(
        operations=["conv2d", "linear"],
        norm=["batch", "none"],
        width=[6, 8, 11, 16],
        kernel=[1, 3, 5],
        dropout=[0.0, 0.3],
        skip=0.0,
        reduce=["flatten"],
        mutation=Mutation(["width", "kernel", "dropout"]),
    )
    space, rng = LayeredSpace(IMAGE, options), np.random.default_rng(0)
    found = {True: 0, False: 0}
    while sum(found.values()) < 40:
        old = space.sample(rng)
        new = space.mutate(old, rng)
        if len(new.layers) == len(old.layers):
            ((before, after),) = [pair for pair in zip(old.layers, new.layers, strict=True) if pair[0] != pair[1]]
            smaller = after.width < before.width or getattr(after, "kernel", 1) < getattr(before, "kernel", 1)
            preserved, apart, _ = handed_down(old, new, IMAGE)
            assert preserved is not smaller
            assert (apart < 1e-4) == preserved
            found[preserved] += 1
    assert min(found.values()) >= 5


LOST = {
    "narrower": (VECTORS, with_layer(VECTORS, 0, width=8), VECTOR),
    "another activation": (VECTORS, with_layer(VECTORS, 0, activation="gelu"), VECTOR),
    "groups of other channels": (chain(Conv2d(8), reduce="avg"), chain(Conv2d(12), reduce="avg"), IMAGE),
    "smaller kernel": (IMAGES, with_layer(IMAGES, 0, kernel=1), IMAGE),
    "stride": (IMAGES, with_layer(IMAGES, 0, stride=2), IMAGE),
    "identity before gelu": (VECTORS, insert_layer(VECTORS, 1, Linear(16, **PLAIN, activation="gelu")), VECTOR),
    "residual before relu": (IMAGES, insert_layer(IMAGES, 2, Conv2d(8, skip=1)), IMAGE),
    "plain skip": (VECTORS, insert_layer(VECTORS, 1, Linear(16, **PLAIN, skip=0)), VECTOR),
    "reduction": (chain(Conv2d(8)), chain(Conv2d(8), reduce="avg"), IMAGE),
    "heads": (chain(Attention(8, heads=2)), chain(Attention(8, heads=4)), SEQUENCE),
    "one layer less": (IMAGES, chain(*IMAGES.layers[:2], IMAGES.layers[3]), IMAGE),
}


@pytest.mark.parametrize("name", LOST)
def test_what_changes_the_function_is_said_to(name):
    preserved, apart, weights = handed_down(*LOST[name])
    assert not preserved
    assert apart > 1e-3
    rng = np.random.default_rng(0)
    old, new, task = LOST[name]
    trained(old.lower(task), rng)
    assert (weights == initial_weights(new.lower(task), rng)).mean() < 0.9, "most is inherited all the same"


def test_copies_are_not_alike_in_what_is_made_of_them():
    """Their outgoing weights differ, so do their gradients: after one step they are no copies any more."""
    task = VECTOR
    old, new = chain(Linear(4, **PLAIN)), chain(Linear(8, **PLAIN))
    _, _, weights = handed_down(old, new, task)
    graph = new.lower(task)
    module = build(graph, weights)
    hidden = views_of(weights, layout(graph))["layer0.weight"]
    np.testing.assert_array_equal(hidden[0], hidden[1])
    out = views_of(weights, layout(graph))["classifier.weight"]
    assert (out[:, 0::2] != out[:, 1::2]).all()
    module(torch.randn(20, 5, generator=torch.Generator().manual_seed(0))).square().sum().backward()
    gradient = next(module.parameters()).grad.numpy()
    assert (abs(gradient).sum(axis=1) > 0).any()
    assert not np.allclose(gradient[0::2], gradient[1::2])


def test_a_branch_that_begins_at_zero_learns():
    old, new, task = KEPT["residual"]
    _, _, weights = handed_down(old, new, task)
    graph = new.lower(task)
    module = build(graph, weights)
    module(torch.randn(20, 2, 8, 8, generator=torch.Generator().manual_seed(0))).square().sum().backward()
    gradients = {name: tensor.grad.abs().sum().item() for name, tensor in module.named_parameters()}
    assert gradients["layer2_norm.weight"] > 0
    assert views_of(weights, layout(graph))["layer2_norm.weight"].any() == np.False_


def test_the_generator_says_all():
    old, new, task = KEPT["wider, plain"]
    first, second, other = (handed_down(old, new, task, seed)[2] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
