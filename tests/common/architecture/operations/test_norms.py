import pytest

from common.architecture.operations import BatchNorm, ExampleNorm, GroupNorm, LayerNorm, num_groups
from common.architecture.operations.base import Saved
from common.architecture.tensors import TensorInfo
from common.errors import SpecError


def test_group_norm():
    norm = GroupNorm(2)
    assert norm.output_shape((4, 5)) == (4, 5)
    assert norm.tensors((4, 5)) == (TensorInfo("weight", (4,), "ones"), TensorInfo("bias", (4,), "zeros"))
    assert norm.macs((4, 5)) == 0
    assert norm.saves((4, 5)) == Saved(inputs=True, own=(2 * 2,))  # mean and deviation of each group
    assert norm.working((4, 5)) == 20 + 2 * 2
    with pytest.raises(SpecError, match="divides 3 channels, got 2"):
        norm.output_shape((3, 5))


def test_group_norm_of_a_single_value_is_refused():
    with pytest.raises(SpecError, match="group norm needs 2 values or more"):
        GroupNorm(1).output_shape((1, 1))
    assert GroupNorm(1).output_shape((1, 2)) == (1, 2)


def test_batch_norm():
    norm = BatchNorm()
    assert norm.output_shape((4, 5, 6)) == (4, 5, 6)
    assert [(tensor.name, tensor.init, tensor.trainable) for tensor in norm.tensors((4, 5, 6))] == [
        ("weight", "ones", True),
        ("bias", "zeros", True),
        ("running_mean", "zeros", False),
        ("running_var", "ones", False),
    ]
    assert {tensor.shape for tensor in norm.tensors((4, 5, 6))} == {(4,)}
    assert norm.saves((4, 5, 6)) == Saved(inputs=True, fixed=2 * 4)  # mean and deviation of each channel of the batch
    assert norm.working((4, 5, 6)) == 120


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


def test_layer_norm():
    norm = LayerNorm()
    assert norm.output_shape((4, 5)) == (4, 5)
    assert norm.tensors((4, 5)) == (TensorInfo("weight", (4,), "ones"), TensorInfo("bias", (4,), "zeros"))
    assert norm.saves((4,)) == Saved(inputs=True, own=(2,))
    assert norm.saves((4, 5)) == Saved(inputs=True, own=(2 * 5,))  # mean and deviation at each place
    assert norm.working((4,)) == 4 + 2
    assert norm.working((4, 5)) == 2 * 20 + 2 * 5  # with a copy whose channels lie side by side
    with pytest.raises(SpecError, match=r"layer norm needs 2 channels or more, .*got \(1, 5\)"):
        norm.output_shape((1, 5))


def test_example_norm():
    norm = ExampleNorm()
    assert norm.output_shape((4, 5)) == (4, 5)
    assert norm.tensors((4, 5)) == ()
    assert norm.saves((4, 5)) == Saved(inputs=True, own=(2 * 4,))
    assert norm.working((4, 5)) == 20 + 4 * 4
    with pytest.raises(SpecError, match="example norm needs 2 values a channel or more"):
        norm.output_shape((4, 1, 1))
    with pytest.raises(SpecError, match="example_norm works on a sequence or an image"):
        norm.output_shape((4,))
