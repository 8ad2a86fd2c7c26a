import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Conv2d, Linear, MaxPool
from common.architecture.layout import layout, state_size, views_of
from common.errors import SpecError
from common.tasks import Classification, Task

IMAGE = Task((3, 8, 8), Classification(10))
SEQUENCE = Task((9, 12), Classification(6))
VECTOR = Task((5,), Classification(2))


def shapes_of(spec, task):
    return {tensor.name: tensor.shape for tensor in layout(spec.lower(task))}


def test_no_layers_are_softmax_regression():
    assert shapes_of(LayeredSpec(), VECTOR) == {"classifier.weight": (2, 5), "classifier.bias": (2,)}
    assert shapes_of(LayeredSpec(), IMAGE)["classifier.weight"] == (10, 3 * 8 * 8)
    assert shapes_of(LayeredSpec(reduce="avg"), IMAGE)["classifier.weight"] == (10, 3)


@pytest.mark.parametrize(("reduce", "features"), [("flatten", 6 * 4 * 4), ("avg", 6), ("max", 6)])
def test_spatial_features_are_reduced_before_the_first_linear_layer_only(reduce, features):
    spec = LayeredSpec((Conv2d(6, norm="none"), MaxPool(2), Linear(4, norm="none"), Linear(3, norm="none")), reduce)
    shapes = shapes_of(spec, IMAGE)
    assert shapes["layer0.weight"] == (6, 3, 3, 3)
    assert shapes["layer2.weight"] == (4, features)
    assert shapes["layer3.weight"] == (3, 4)
    assert shapes["classifier.weight"] == (10, 3)


def test_a_state_is_bounded_before_there_is_any_of_it():
    """By 2^31 - 1 numbers; two linear maps of 2^15 features have 2^30 weights each."""
    wide = Linear(2**15, norm="none")
    layout(LayeredSpec((wide, wide)).lower(VECTOR))
    spec = LayeredSpec((wide, wide, wide))
    size = 2**15 * 5 + 2 * 2**30 + 3 * 2**15 + 2 * 2**15 + 2
    with pytest.raises(SpecError, match=rf"2,147,483,647 numbers at most, got {size}"):
        layout(spec.lower(VECTOR))


def test_trainable_tensors_come_first_then_the_buffers():
    spec = LayeredSpec((Linear(4, norm="batch", skip=-1), Linear(3, norm="group")))
    names = [(tensor.name, tensor.trainable) for tensor in layout(spec.lower(VECTOR))]
    trainable = ["layer0.weight", "layer0.bias", "layer0_norm.weight", "layer0_norm.bias", "layer0_skip.weight"]
    trainable += ["layer1.weight", "layer1.bias", "layer1_norm.weight", "layer1_norm.bias"]
    trainable += ["classifier.weight", "classifier.bias"]
    buffers = ["layer0_norm.running_mean", "layer0_norm.running_var"]
    assert names == [(name, True) for name in trainable] + [(name, False) for name in buffers]


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=50)
def test_unpack_gives_views_that_cover_the_packed_state_once(random_case, seed):
    spec, task = random_case(seed)
    tensors = layout(spec.lower(task))
    packed = np.arange(state_size(tensors), dtype=np.float32)
    views = views_of(packed, tensors)
    assert {name: view.shape for name, view in views.items()} == {t.name: t.shape for t in tensors}
    np.testing.assert_array_equal(np.concatenate([view.ravel() for view in views.values()]), packed)
    assert all(np.shares_memory(view, packed) for view in views.values())


@pytest.mark.parametrize("shape", [(11,), (13,), (12, 1), ()])
def test_unpack_refuses_another_size(shape):
    tensors = layout(LayeredSpec().lower(VECTOR))  # 2 x 5 weights and 2 biases
    with pytest.raises(SpecError, match="one array of 12 numbers, got"):
        views_of(np.zeros(shape, np.float32), tensors)
