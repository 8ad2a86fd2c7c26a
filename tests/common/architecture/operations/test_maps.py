import pytest

from common.architecture.operations import Bias, Convolution, Linear
from common.architecture.operations.base import Saved
from common.architecture.tensors import TensorInfo
from common.errors import SpecError


def test_a_linear_map():
    linear = Linear(7)
    assert linear.output_shape((5,)) == (7,)
    assert linear.macs((5,)) == 5 * 7
    assert linear.saves((5,)) == Saved(inputs=True)
    assert linear.working((5,)) == 7
    weight = TensorInfo("weight", (7, 5), "uniform", 5)
    assert linear.tensors((5,)) == (weight, TensorInfo("bias", (7,), "uniform", 5))
    assert Linear(7, bias=False).tensors((5,)) == (weight,)
    with pytest.raises(SpecError, match="linear works on a vector, got"):
        linear.output_shape((1, 5))


@pytest.mark.parametrize(("extent", "stride", "expected"), [(8, 1, 8), (8, 2, 4), (7, 2, 4), (7, 3, 3), (1, 5, 1)])
@pytest.mark.parametrize("kernel", [1, 3, 9])
def test_a_convolution_keeps_extents_up_to_its_stride(extent, stride, expected, kernel):
    padding = kernel // 2
    assert (extent + 2 * padding - kernel) // stride + 1 == expected
    convolution = Convolution(4, kernel=kernel, stride=stride)
    assert convolution.output_shape((3, extent)) == (4, expected)
    assert convolution.output_shape((3, extent, 6)) == (4, expected, -(-6 // stride))


def test_costs_of_convolutions():
    assert Convolution(4, kernel=5).macs((3, 10)) == 10 * 4 * 3 * 5
    assert Convolution(4, kernel=3, stride=2).macs((3, 8, 6)) == (4 * 3) * 4 * 3 * 9
    assert Convolution(4, kernel=3, stride=2).saves((3, 8, 6)) == Saved(inputs=True)
    assert Convolution(4, kernel=3, stride=2).working((3, 8, 6)) == 4 * 4 * 3


def test_tensors_of_convolutions():
    weight, bias = Convolution(4, kernel=3).tensors((2, 8, 8))
    assert weight == TensorInfo("weight", (4, 2, 3, 3), "uniform", 2 * 9)
    assert bias == TensorInfo("bias", (4,), "uniform", 2 * 9)
    assert [tensor.shape for tensor in Convolution(6, kernel=1, bias=False).tensors((4, 9))] == [(6, 4, 1)]


def test_a_convolution_refuses_vectors():
    with pytest.raises(SpecError, match="convolution works on a sequence or an image, got"):
        Convolution(4, kernel=3).output_shape((5,))


def test_a_bias_is_the_same_whatever_enters():
    for shape in ((5,), (3, 9), (3, 9, 8)):
        assert Bias(7).output_shape(shape) == (7,)
        assert Bias(7).saves(shape) == Saved()
        assert Bias(7).working(shape) == 7
        assert Bias(7).macs(shape) == 0
        assert Bias(7).tensors(shape) == (TensorInfo("bias", (7,), "zeros"),)


def test_a_dilated_convolution_keeps_extents_as_others_do():
    for extent, kernel, dilation in ((9, 3, 2), (4, 5, 3), (1, 3, 4)):
        padding = dilation * (kernel // 2)
        assert extent + 2 * padding - dilation * (kernel - 1) == extent
        assert Convolution(4, kernel, dilation=dilation).output_shape((3, extent)) == (4, extent)


def test_a_depthwise_convolution_has_one_kernel_a_channel():
    depthwise = Convolution(3, kernel=5, stride=2, depthwise=True)
    assert depthwise.output_shape((3, 8, 6)) == (3, 4, 3)
    assert depthwise.tensors((3, 8, 6)) == (
        TensorInfo("weight", (3, 1, 5, 5), "uniform", 25),
        TensorInfo("bias", (3,), "uniform", 25),
    )
    assert depthwise.macs((3, 8, 6)) == (4 * 3) * 3 * 25
    with pytest.raises(SpecError, match="A depthwise convolution of 4 channels gives as many, got 3"):
        depthwise.output_shape((4, 8, 6))
