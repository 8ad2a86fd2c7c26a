import pytest

from common.architecture import operations as ops
from common.architecture.cost import cost_of
from common.architecture.kinds.layers import LAYERS
from common.errors import SpecError
from tests.support.graphs import lowered, reading

SeparableConv1d, SeparableConv2d = LAYERS["separable_conv1d"], LAYERS["separable_conv2d"]


def test_each_channel_by_itself_and_then_across_them():
    nodes = reading(lowered(SeparableConv2d(8, kernel=5, stride=2, norm="none"), (3, 9, 9)))
    assert list(nodes.items())[:3] == [
        ("layer0_depthwise", (ops.Convolution(3, 5, 2, bias=False, depthwise=True), ["input"])),
        ("layer0", (ops.Convolution(8, 1), ["layer0_depthwise"])),
        ("layer0_activation", (ops.Activation("relu"), ["layer0"])),
    ]


def test_it_costs_less_than_a_full_convolution():
    cost = cost_of(lowered(SeparableConv1d(8, kernel=5, norm="none"), (4, 20)))
    assert cost.parameters == 4 * 5 + (8 * 4 + 8) + (2 * 8 + 2)
    assert cost.macs == 20 * (4 * 5 + 8 * 4) + 2 * 8


def test_it_has_the_fields_of_a_convolution():
    layer = SeparableConv1d(8, kernel=5, stride=2, dilation=2, squeeze_excite=4)
    assert layer.describe() == "separable_conv1d 8 k5 s2 d2 se4"
    assert SeparableConv1d(8, kernel=1, dilation=2) == SeparableConv1d(8, kernel=1)
    assert lowered(layer, (3, 20)).nodes[0].operation.dilation == 2


def test_it_refuses_other_inputs():
    with pytest.raises(SpecError, match="separable_conv1d works on a sequence"):
        lowered(SeparableConv1d(8), (3, 9, 9))
