import dataclasses

import numpy as np
import pytest

from common.architecture.operations import OPERATIONS, AvgPool, Conv1d, Conv2d, Linear, MaxPool, num_groups
from common.architecture.tensors import TensorInfo
from common.errors import SpecError


def test_numbers_of_numpy_become_plain_ones():
    layer = Conv2d(np.int64(8), kernel=np.int32(5), dropout=np.float32(0.25))
    assert layer == Conv2d(8, kernel=5, dropout=0.25)
    assert {type(value) for value in (layer.width, layer.kernel)} == {int}
    assert type(layer.dropout) is float


def test_layers_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Linear(8).width = 9


def test_a_linear_layer():
    layer = Linear(7)
    assert layer.output_shape((5,)) == (7,)
    assert layer.macs((5,)) == 5 * 7
    assert layer.tensors((5,)) == (TensorInfo("weight", (7, 5), "uniform", 5), TensorInfo("bias", (7,), "uniform", 5))


@pytest.mark.parametrize(("extent", "stride", "expected"), [(8, 1, 8), (8, 2, 4), (7, 2, 4), (7, 3, 3), (1, 5, 1)])
@pytest.mark.parametrize("kernel", [1, 3, 9])
def test_a_convolution_keeps_extents_up_to_its_stride(extent, stride, expected, kernel):
    padding = kernel // 2
    assert (extent + 2 * padding - kernel) // stride + 1 == expected
    assert Conv1d(4, kernel=kernel, stride=stride).output_shape((3, extent)) == (4, expected)
    assert Conv2d(4, kernel=kernel, stride=stride).output_shape((3, extent, 6)) == (4, expected, -(-6 // stride))


def test_costs_of_convolutions():
    assert Conv1d(4, kernel=5).macs((3, 10)) == 10 * 4 * 3 * 5
    assert Conv2d(4, kernel=3, stride=2).macs((3, 8, 6)) == (4 * 3) * 4 * 3 * 9
    assert Conv2d(4, kernel=3).tensors((2, 8, 8))[0] == TensorInfo("weight", (4, 2, 3, 3), "uniform", 2 * 9)


@pytest.mark.parametrize("pool", [MaxPool, AvgPool])
def test_pooling(pool):
    assert pool(2).output_shape((3, 9)) == (3, 4)
    assert pool(3, 1).output_shape((3, 9, 3)) == (3, 7, 1)
    assert pool(2, 5).output_shape((3, 9)) == (3, 2)
    assert pool(2).tensors((3, 9)) == ()
    assert pool(2).macs((3, 9)) == 0
    assert pool(3) == pool(3, 3)
    with pytest.raises(SpecError, match=f"{pool.op} kernel must fit into its input of shape .3, 9, 2., got 3"):
        pool(3).output_shape((3, 9, 2))


@pytest.mark.parametrize(
    ("layer", "shape", "wanted"),
    [
        (Conv1d(4), (5,), "a sequence"),
        (Conv1d(4), (1, 5, 5), "a sequence"),
        (Conv2d(4), (5,), "an image"),
        (Conv2d(4), (1, 5), "an image"),
        (MaxPool(2), (5,), "a sequence or an image"),
        (AvgPool(2), (5,), "a sequence or an image"),
        (Linear(2), (1, 5), "a vector"),
    ],
)
def test_an_operation_refuses_other_inputs(layer, shape, wanted):
    with pytest.raises(SpecError, match=f"{layer.op} works on {wanted}, got"):
        layer.output_shape(shape)


@pytest.mark.parametrize(
    ("shape", "groups"),
    [
        ((128,), 8),  # 16 values a group
        ((64,), 4),
        ((16,), 1),
        ((8,), 1),  # 8 groups would hold one value each, and normalise it to 0
        ((8, 32), 8),
        ((12, 100), 6),
        ((7, 100), 7),
        ((11, 100), 1),
        ((8, 1, 1), 1),
        ((1, 100), 1),
    ],
)
def test_groups_of_group_norm(shape, groups):
    assert num_groups(shape) == groups
    assert shape[0] % groups == 0


def test_every_field_says_which_rule_checks_it():
    for cls in OPERATIONS.values():
        for item in dataclasses.fields(cls):
            assert set(item.metadata) == {"rule", "option"}, (cls.op, item.name)
