import pytest

from common.architecture.operations import GRU
from common.architecture.operations.base import Saved
from common.architecture.tensors import TensorInfo
from common.errors import SpecError


def test_a_recurrent_layer():
    gru = GRU(5)
    assert gru.output_shape((3, 9)) == (5, 9)
    assert gru.tensors((3, 9)) == (
        TensorInfo("weight_ih_l0", (15, 3), "uniform", 5),
        TensorInfo("weight_hh_l0", (15, 5), "uniform", 5),
        TensorInfo("bias_ih_l0", (15,), "uniform", 5),
        TensorInfo("bias_hh_l0", (15,), "uniform", 5),
    )
    assert gru.macs((3, 9)) == 9 * (15 * 3 + 15 * 5)


def test_only_training_keeps_what_each_step_made():
    # a copy of the input; three gates, three products and the state of each step
    assert GRU(5).saves((3, 9)) == Saved(own=(27, *[45] * 7))
    # the first state, the input's part in three gates; then a copy of the input, or states one by one and in one
    assert GRU(5).working((3, 9)) == 5 + 3 * 45 + 2 * 45
    assert GRU(5).working((30, 9)) == 5 + 3 * 45 + 270


@pytest.mark.parametrize("shape", [(5,), (3, 9, 8)])
def test_only_a_sequence_has_time(shape):
    with pytest.raises(SpecError, match="gru works on a sequence, got"):
        GRU(5).output_shape(shape)
