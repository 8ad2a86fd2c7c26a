import math

import pytest

from common.architecture.operations import AverageTo, AvgPool, Flatten, GlobalPool, MaxPool
from common.architecture.operations.base import Saved
from common.errors import SpecError


@pytest.mark.parametrize("pool", [MaxPool, AvgPool])
def test_pooling(pool):
    assert pool(2, 2).output_shape((3, 9)) == (3, 4)
    assert pool(3, 1).output_shape((3, 9, 3)) == (3, 7, 1)
    assert pool(2, 5).output_shape((3, 9)) == (3, 2)
    assert pool(2, 2).tensors((3, 9)) == ()
    assert pool(2, 2).macs((3, 9)) == 0
    with pytest.raises(SpecError, match=f"{pool.op} kernel must fit into its input of shape .3, 9, 2., got 3"):
        pool(3, 3).output_shape((3, 9, 2))
    with pytest.raises(SpecError, match=f"{pool.op} works on a sequence or an image, got"):
        pool(2, 2).output_shape((9,))


def test_max_pooling_also_keeps_places_of_64_bits():
    assert MaxPool(2, 2).saves((3, 9)) == Saved(inputs=True, own=(24,))
    assert AvgPool(2, 2).saves((3, 9)) == Saved(inputs=True)
    assert [pool(2, 2).working((3, 9)) for pool in (MaxPool, AvgPool)] == [12, 12]
    assert [pool(2, 2).working((3, 9, 2)) for pool in (MaxPool, AvgPool)] == [
        12 + 24,
        12,
    ]  # torch finds them in any case


def test_average_to():
    assert AverageTo((3,)).output_shape((4, 9)) == (4, 3)
    assert AverageTo((5, 2)).output_shape((4, 9, 9)) == (4, 5, 2)
    assert AverageTo((5, 2)).saves((4, 9, 9)) == Saved(inputs=True)
    assert AverageTo((1, 1)).saves((4, 9, 9)) == Saved()  # a mean
    assert AverageTo((5, 2)).working((4, 9, 9)) == 40
    with pytest.raises(SpecError, match="average_to works on an image, got"):
        AverageTo((5, 2)).output_shape((4, 9))


@pytest.mark.parametrize("shape", [(4, 9), (4, 9, 7)])
def test_from_space_to_a_vector(shape):
    assert GlobalPool("max").output_shape(shape) == (4,)
    assert GlobalPool("avg").saves(shape) == Saved()
    assert GlobalPool("max").saves(shape) == Saved(inputs=True, output=True)
    assert GlobalPool("avg").working(shape) == GlobalPool("max").working(shape) == 4
    assert GlobalPool("log_std").output_shape(shape) == (4,)
    # distances from the first value, and the variance
    assert GlobalPool("log_std").saves(shape) == Saved(own=(math.prod(shape), 4))
    assert GlobalPool("log_std").working(shape) == math.prod(shape) + 4
    assert Flatten().output_shape(shape) == (36 if len(shape) == 2 else 252,)
    assert Flatten().saves(shape) == Saved()
    assert Flatten().passes_on(shape, training=True)


def test_there_is_no_space_in_a_vector():
    with pytest.raises(SpecError, match="global_pool works on a sequence or an image, got"):
        GlobalPool("avg").output_shape((4,))


@pytest.mark.parametrize("pool", [MaxPool, AvgPool])
def test_padded_pooling_keeps_extents_up_to_its_stride(pool):
    for extent, stride in ((9, 1), (9, 2), (8, 2), (1, 1), (1, 3)):
        assert (extent + 2 - 3) // stride + 1 == -(-extent // stride)
        assert pool(3, stride, padded=True).output_shape((4, extent)) == (4, -(-extent // stride))
    with pytest.raises(SpecError, match=f"kernel of a padded {pool.op} must be odd, got 2"):
        pool(2, 1, padded=True).output_shape((4, 9))
