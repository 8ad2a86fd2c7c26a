import pytest

from common.architecture.operations.norms import BatchNorm, GroupNorm, LayerNorm
from common.architecture.operations.plain_norms import PlainBatchNorm, PlainGroupNorm, PlainLayerNorm


@pytest.mark.parametrize(
    ("plain", "norm", "left"),
    [
        (PlainGroupNorm(2), GroupNorm(2), []),
        (PlainLayerNorm(), LayerNorm(), []),
        (PlainBatchNorm(), BatchNorm(), ["running_mean", "running_var"]),
    ],
)
def test_what_is_learnt_is_left_out_and_all_else_is_the_same(plain, norm, left):
    shape = (6, 9)
    assert [tensor.name for tensor in plain.tensors(shape)] == left
    for told in ("output_shape", "saves", "working", "family", "macs"):
        assert getattr(plain, told)(shape) == getattr(norm, told)(shape)
