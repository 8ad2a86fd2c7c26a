import pytest

from common.architecture.operations import Positions, SelfAttention
from common.architecture.operations.base import Saved
from common.architecture.tensors import TensorInfo
from common.errors import SpecError


@pytest.mark.parametrize("shape", [(6, 9), (6, 9, 8)])
def test_shapes_are_kept(shape):
    assert Positions().output_shape(shape) == SelfAttention(3).output_shape(shape) == shape
    assert Positions().tensors(shape) == ()
    assert Positions().macs(shape) == 0


def test_attention_has_four_linear_maps():
    tensors = SelfAttention(2).tensors((6, 9))
    assert tensors == (
        TensorInfo("project.weight", (18, 6), "uniform", 6),
        TensorInfo("project.bias", (18,), "uniform", 6),
        TensorInfo("combine.weight", (6, 6), "uniform", 6),
        TensorInfo("combine.bias", (6,), "uniform", 6),
    )
    assert sum(tensor.size for tensor in tensors) == 4 * (6 * 6 + 6)
    assert SelfAttention(2).macs((6, 3, 3)) == SelfAttention(3).macs((6, 9)) == 4 * 36 * 9 + 2 * 81 * 6
    # a copy, queries with keys and values, sums, one normaliser for each head
    assert SelfAttention(2).saves((6, 9)) == Saved(own=(54, 162, 54, 18))
    assert SelfAttention(2).working((6, 9)) == 162 + 54 + 54  # and the output
    assert Positions().saves((6, 9)) == Saved()
    assert Positions().working((6, 9)) == 54


def test_heads_share_the_channels_evenly():
    with pytest.raises(SpecError, match="number of heads that divides 6 channels, got 4"):
        SelfAttention(4).output_shape((6, 9))


@pytest.mark.parametrize("operation", [Positions(), SelfAttention(1)])
def test_a_vector_has_no_places(operation):
    with pytest.raises(SpecError, match=f"{operation.op} works on a sequence or an image, got"):
        operation.output_shape((6,))
