import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.architecture.layout import Skip, layout, state_size, steps, unpack
from common.architecture.operations import Conv1d, Conv2d, Linear, MaxPool
from common.architecture.spec import ArchitectureSpec
from common.architecture.task import TaskShape
from common.errors import SpecError

IMAGE = TaskShape((3, 8, 8), 10)
SEQUENCE = TaskShape((9, 12), 6)
VECTOR = TaskShape((5,), 2)


def shapes_of(spec, task):
    return {tensor.name: tensor.shape for tensor in layout(spec, task)}


def test_no_layers_are_softmax_regression():
    assert shapes_of(ArchitectureSpec(), VECTOR) == {"classifier.weight": (2, 5), "classifier.bias": (2,)}
    assert shapes_of(ArchitectureSpec(), IMAGE)["classifier.weight"] == (10, 3 * 8 * 8)
    assert shapes_of(ArchitectureSpec(reduce="avg"), IMAGE)["classifier.weight"] == (10, 3)


@pytest.mark.parametrize(("reduce", "features"), [("flatten", 6 * 4 * 4), ("avg", 6), ("max", 6)])
def test_spatial_features_are_reduced_before_the_first_linear_layer_only(reduce, features):
    spec = ArchitectureSpec(
        (Conv2d(6, norm="none"), MaxPool(2), Linear(4, norm="none"), Linear(3, norm="none")), reduce
    )
    shapes = shapes_of(spec, IMAGE)
    assert shapes["layer0.weight"] == (6, 3, 3, 3)
    assert shapes["layer2.weight"] == (4, features)
    assert shapes["layer3.weight"] == (3, 4)
    assert shapes["classifier.weight"] == (10, 3)
    assert [step.reduce for step in steps(spec, IMAGE)] == [None, None, reduce, None, None]


def test_trainable_tensors_come_first_then_the_buffers():
    spec = ArchitectureSpec((Linear(4, norm="batch", skip=-1), Linear(3, norm="group")))
    names = [(tensor.name, tensor.trainable) for tensor in layout(spec, VECTOR)]
    trainable = ["layer0.weight", "layer0.bias", "layer0_norm.weight", "layer0_norm.bias", "layer0_skip.weight"]
    trainable += ["layer1.weight", "layer1.bias", "layer1_norm.weight", "layer1_norm.bias"]
    trainable += ["classifier.weight", "classifier.bias"]
    buffers = ["layer0_norm.running_mean", "layer0_norm.running_var"]
    assert names == [(name, True) for name in trainable] + [(name, False) for name in buffers]


@pytest.mark.parametrize(
    ("source", "target", "pools", "weight", "macs"),
    [
        ((4,), (4,), False, None, 0),
        ((4,), (6,), False, (6, 4), 24),
        ((4, 9), (4, 9), False, None, 0),
        ((4, 9), (4, 3), True, None, 0),
        ((4, 9), (6, 3), True, (6, 4, 1), 4 * 6 * 3),
        ((4, 9), (6,), True, (6, 4), 24),
        ((4, 9), (4,), True, None, 0),
        ((4, 9, 9), (6, 5, 2), True, (6, 4, 1, 1), 4 * 6 * 5 * 2),
        ((4, 5, 2), (6, 5, 2), False, (6, 4, 1, 1), 4 * 6 * 5 * 2),
    ],
)
def test_a_skip_connection_adapts_extents_then_channels(source, target, pools, weight, macs):
    skip = Skip(0, source, target)
    assert skip.pools == pools
    assert [tensor.shape for tensor in skip.tensors()] == ([] if weight is None else [weight])
    assert skip.macs() == macs


def test_a_skip_connection_starts_where_it_says():
    spec = ArchitectureSpec((Conv2d(4), Conv2d(6, stride=2), Linear(7, skip=0), Linear(7, skip=2), Linear(7, skip=-1)))
    skips = [step.skip for step in steps(spec, IMAGE)]
    assert skips == [None, None, Skip(0, (4, 8, 8), (7,)), Skip(2, (7,), (7,)), Skip(-1, (3, 8, 8), (7,)), None]


ILLEGAL = [
    (VECTOR, (Conv1d(4),), "Layer 0: conv1d works on a sequence, got .5,"),
    (VECTOR, (Linear(4), Conv2d(4)), "Layer 1: conv2d works on an image, got .4,"),
    (VECTOR, (MaxPool(2),), "Layer 0: max_pool works on a sequence or an image"),
    (SEQUENCE, (Conv2d(4),), "Layer 0: conv2d works on an image, got .9, 12."),
    (IMAGE, (Conv1d(4),), "Layer 0: conv1d works on a sequence, got .3, 8, 8."),
    (IMAGE, (Linear(4), Conv2d(4)), "Layer 1: conv2d works on an image"),
    (IMAGE, (Linear(4), MaxPool(2)), "Layer 1: max_pool works on"),
    (SEQUENCE, (MaxPool(4), MaxPool(4)), "Layer 1: max_pool kernel must fit into its input of shape .9, 3., got 4"),
    (VECTOR, (Linear(1),), "Layer 0: group norm needs 2 values or more"),
    (SEQUENCE, (Conv1d(1, stride=12),), "Layer 0: group norm needs 2 values or more"),
]


@pytest.mark.parametrize(("task", "layers", "message"), ILLEGAL)
def test_what_does_not_fit_gives_one_clear_error(task, layers, message):
    with pytest.raises(SpecError, match=message):
        layout(ArchitectureSpec(layers), task)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_unpack_gives_views_that_cover_the_packed_state_once(random_case, seed):
    spec, task = random_case(seed)
    tensors = layout(spec, task)
    packed = np.arange(state_size(tensors), dtype=np.float32)
    views = unpack(packed, tensors)
    assert {name: view.shape for name, view in views.items()} == {t.name: t.shape for t in tensors}
    np.testing.assert_array_equal(np.concatenate([view.ravel() for view in views.values()]), packed)
    assert all(np.shares_memory(view, packed) for view in views.values())


@pytest.mark.parametrize("shape", [(11,), (13,), (12, 1), ()])
def test_unpack_refuses_another_size(shape):
    tensors = layout(ArchitectureSpec(), VECTOR)  # 2 x 5 weights and 2 biases
    with pytest.raises(SpecError, match="one array of 12 numbers, got"):
        unpack(np.zeros(shape, np.float32), tensors)
