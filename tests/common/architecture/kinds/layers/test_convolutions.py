import math

import numpy as np
import torch

from common.architecture import operations as ops
from common.architecture.cost import cost_of
from common.architecture.kinds.layers import Conv1d, Conv2d
from common.architecture.layout import layout, views_of
from common.models.builder import build, flat_state
from common.seeding import generator
from tests.support.graphs import lowered, reading


def test_dilation_widens_what_a_kernel_sees():
    graph = lowered(Conv1d(8, kernel=5, stride=2, dilation=3), (4, 40))
    assert graph.nodes[0].operation == ops.Convolution(8, 5, 2, dilation=3)
    assert graph.nodes[0].output_shape == (8, 20)
    assert Conv1d(8, kernel=5, dilation=3).describe() == "conv1d 8 k5 d3"


def test_a_kernel_of_one_place_has_no_dilation():
    layer = Conv1d(8, kernel=1, dilation=3)
    assert layer == Conv1d(8, kernel=1)
    assert layer.is_idle("dilation")
    assert not Conv1d(8, kernel=3).is_idle("dilation")


def test_squeeze_and_excitation_lies_between_activation_and_dropout():
    layer = Conv2d(16, norm="none", dropout=0.5, squeeze_excite=4, skip=-1)
    nodes = reading(lowered(layer, (16, 6, 6)))
    assert nodes == {
        "layer0": (ops.Convolution(16, 3), ["input"]),
        "layer0_activation": (ops.Activation("relu"), ["layer0"]),
        "layer0_squeeze": (ops.GlobalPool("avg"), ["layer0_activation"]),
        "layer0_reduced": (ops.Linear(4), ["layer0_squeeze"]),
        "layer0_reduced_activation": (ops.Activation("relu"), ["layer0_reduced"]),
        "layer0_expanded": (ops.Linear(16), ["layer0_reduced_activation"]),
        "layer0_gate": (ops.Activation("sigmoid"), ["layer0_expanded"]),
        "layer0_excite": (ops.Multiply(), ["layer0_activation", "layer0_gate"]),
        "layer0_dropout": (ops.Dropout(0.5), ["layer0_excite"]),
        "layer0_add": (ops.Add(), ["layer0_dropout", "input"]),
        "classifier_reduce": (ops.GlobalPool("avg"), ["layer0_add"]),
        "classifier": (ops.Linear(2), ["classifier_reduce"]),
    }
    assert layer.describe() == "conv2d 16 k3 se4 +input"


def test_squeeze_and_excitation_by_numpy():
    graph = lowered(Conv1d(3, norm="none", activation="none", kernel=1, squeeze_excite=9), (2, 5))
    model = build(graph)
    w = views_of(flat_state(model).numpy(), layout(graph))
    x = generator(0).standard_normal((4, 2, 5)).astype(np.float32)
    features = np.einsum("oi,nit->not", w["layer0.weight"][..., 0], x) + w["layer0.bias"][:, None]
    hidden = np.maximum(features.mean(2) @ w["layer0_reduced.weight"].T + w["layer0_reduced.bias"], 0)
    assert hidden.shape[1] == 1  # a ninth of 3, rounded up to what there is at least
    gates = 1 / (1 + np.exp(-(hidden @ w["layer0_expanded.weight"].T + w["layer0_expanded.bias"])))
    by_hand = (features * gates[..., None]).mean(2) @ w["classifier.weight"].T + w["classifier.bias"]
    np.testing.assert_allclose(model(torch.from_numpy(x)).detach().numpy(), by_hand, atol=1e-5)
    assert cost_of(graph).macs == math.prod((3, 2, 5)) + 3 + 3 + 3 * 2
