import pytest

from common.architecture import operations as ops
from common.architecture.kinds.layers import LAYERS
from common.errors import SpecError
from tests.support.graphs import lowered, reading

Branches1d, Branches2d = LAYERS["branches1d"], LAYERS["branches2d"]


def test_kernels_share_the_width():
    layer = Branches1d(8, kernels=[7, 3, 5], stride=2, norm="none", activation="none")
    graph = lowered(layer, (3, 21))
    assert dict(list(reading(graph).items())[:4]) == {
        "layer0_k3": (ops.Convolution(3, 3, 2), ["input"]),
        "layer0_k5": (ops.Convolution(3, 5, 2), ["input"]),
        "layer0_k7": (ops.Convolution(2, 7, 2), ["input"]),
        "layer0": (ops.Concatenate(), ["layer0_k3", "layer0_k5", "layer0_k7"]),
    }
    assert graph.nodes[3].output_shape == (8, 11)
    assert layer.describe() == "branches1d 8 k3+5+7 s2"


def test_the_order_of_kernels_does_not_matter():
    assert Branches2d(8, kernels=(5, 3)) == Branches2d(8, kernels=[3, 5]) == Branches2d(8)
    assert Branches2d(8).to_dict()["kernels"] == [3, 5]


def test_each_kernel_has_a_channel_at_least():
    with pytest.raises(SpecError, match=r"branches1d needs a channel for each of its 3 kernels, .* got 2"):
        lowered(Branches1d(2, kernels=(1, 3, 5)), (3, 21))
