import pytest

from common.architecture.operations import LogEnergy
from common.architecture.operations.base import Saved
from common.errors import SpecError


def test_log_energy():
    operation = LogEnergy(4)
    assert operation.output_shape((3, 21)) == (3 * (2 + 4),)
    assert operation.tensors((3, 21)) == ()
    assert operation.macs((3, 21)) == 0
    # less the first, less the mean, differences; 11 complex frequencies, 10 powers; features with the floor
    assert operation.saves((3, 21)) == Saved(own=(63, 63, 60, 3 * 2 * 11, 3 * 10, 18))
    assert LogEnergy(1).saves((3, 21)) == Saved(own=(63, 63, 60, 3 * 2 * 11, 0, 9))  # one mean of all powers
    # at the second variance: less the first, differences, frequencies, powers and two variances
    assert operation.working((3, 21)) == 63 + 60 + 3 * 2 * 11 + 3 * 10 + 3 * 2


def test_a_band_has_a_frequency_at_least():
    assert LogEnergy(10).output_shape((3, 21)) == (36,)
    assert LogEnergy(1).output_shape((1, 2)) == (3,)
    with pytest.raises(SpecError, match="log_energy of 21 steps has 10 bands at most, one a frequency, got 11"):
        LogEnergy(11).output_shape((3, 21))
    with pytest.raises(SpecError, match="log_energy of 1 steps has 0 bands at most"):
        LogEnergy(1).output_shape((3, 1))


@pytest.mark.parametrize("shape", [(5,), (1, 8, 8)])
def test_only_a_sequence_has_energies(shape):
    with pytest.raises(SpecError, match="log_energy works on a sequence, got"):
        LogEnergy(2).output_shape(shape)
