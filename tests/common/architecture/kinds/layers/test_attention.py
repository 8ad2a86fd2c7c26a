"""The attention layer: its nodes, and that it is the encoder layer of transformers."""

import numpy as np
import pytest
import torch
from torch import nn

from common.architecture import operations as ops
from common.architecture.cost import cost_of
from common.architecture.kinds.layers import LAYERS
from common.architecture.layout import layout, views_of
from common.errors import SpecError
from common.models.attention import positions
from common.models.builder import build, flat_state
from common.seeding import generator
from tests.support.graphs import lowered, reading

Attention = LAYERS["attention"]


def test_its_nodes():
    assert reading(lowered(Attention(8, heads=2, dropout=0.1, norm="batch", skip=-1), (8, 9))) == {
        "layer0_positions": (ops.Positions(), ["input"]),
        "layer0_norm": (ops.BatchNorm(), ["layer0_positions"]),
        "layer0_attention": (ops.SelfAttention(2), ["layer0_norm"]),
        "layer0_dropout": (ops.Dropout(0.1), ["layer0_attention"]),
        "layer0_attended": (ops.Add(), ["layer0_positions", "layer0_dropout"]),
        "layer0_forward_norm": (ops.BatchNorm(), ["layer0_attended"]),
        "layer0_forward_expand": (ops.Convolution(16, 1), ["layer0_forward_norm"]),
        "layer0_forward_activation": (ops.Activation("gelu"), ["layer0_forward_expand"]),
        "layer0_forward_reduce": (ops.Convolution(8, 1), ["layer0_forward_activation"]),
        "layer0_forward_dropout": (ops.Dropout(0.1), ["layer0_forward_reduce"]),
        "layer0_forward": (ops.Add(), ["layer0_attended", "layer0_forward_dropout"]),
        "layer0_add": (ops.Add(), ["layer0_forward", "input"]),
        "classifier_reduce": (ops.GlobalPool("avg"), ["layer0_add"]),
        "classifier": (ops.Linear(2), ["classifier_reduce"]),
    }


def test_without_activation_there_is_attention_alone():
    nodes = reading(lowered(Attention(8, heads=2, norm="none", activation="none"), (8, 9)))
    assert list(nodes) == [
        *("layer0_positions", "layer0_attention", "layer0_attended", "classifier_reduce", "classifier")
    ]


@pytest.mark.parametrize(
    ("shape", "patch", "first", "places"),
    [
        ((3, 21), 1, ops.Convolution(8, 1, 1), (21,)),
        ((8, 21), 4, ops.Convolution(8, 5, 4), (6,)),
        ((3, 9, 7), 3, ops.Convolution(8, 3, 3), (3, 3)),
        ((8, 9, 7), 2, ops.Convolution(8, 3, 2), (5, 4)),
    ],
)
def test_the_input_is_brought_to_width_and_places(shape, patch, first, places):
    graph = lowered(Attention(8, patch=patch), shape)
    assert graph.nodes[0].operation == first
    assert graph.nodes[0].name == "layer0"
    assert graph.nodes[-3].output_shape == (8, *places)
    assert Attention(8, patch=2).describe() == "attention 8 h4 p2"


def test_it_is_the_encoder_layer_of_transformers():
    """torch's own, norms first, on the same positions, with the same weights."""
    graph = lowered(Attention(8, heads=2), (8, 9))
    model = build(graph).eval()
    w = {name: torch.from_numpy(array) for name, array in views_of(flat_state(model).numpy(), layout(graph)).items()}
    theirs = nn.TransformerEncoderLayer(8, 2, 16, 0.0, nn.functional.gelu, batch_first=True, norm_first=True).eval()
    ours = {
        "self_attn.in_proj_": "layer0_attention.project.",
        "self_attn.out_proj.": "layer0_attention.combine.",
        "linear1.": "layer0_forward_expand.",
        "linear2.": "layer0_forward_reduce.",
        "norm1.": "layer0_norm.",
        "norm2.": "layer0_forward_norm.",
    }
    theirs.load_state_dict(
        {
            f"{name}{kind}": w[f"{other}{kind}"].reshape(theirs.state_dict()[f"{name}{kind}"].shape)
            for name, other in ours.items()
            for kind in ("weight", "bias")
        }
    )
    x = torch.from_numpy(generator(0).standard_normal((3, 8, 9)).astype(np.float32))
    mean = theirs((x + torch.from_numpy(positions((8, 9)))).transpose(1, 2)).mean(1)
    by_hand = mean @ w["classifier.weight"].T + w["classifier.bias"]
    torch.testing.assert_close(model(x), by_hand, rtol=1e-4, atol=1e-5)


def test_its_cost_by_hand():
    cost = cost_of(lowered(Attention(8, heads=2, patch=2), (3, 20)))
    embedding, norms, attention, forward = 8 * 3 * 3 + 8, 2 * 2 * 8, 4 * (8 * 8 + 8), 8 * 16 + 16 + 16 * 8 + 8
    assert cost.parameters == embedding + norms + attention + forward + 8 * 2 + 2
    assert cost.macs == 10 * 8 * 9 + 10 * 4 * 64 + 2 * 100 * 8 + 10 * 2 * 8 * 16 + 8 * 2


def test_heads_must_divide_the_width():
    with pytest.raises(SpecError, match=r"Layer 0: self_attention needs .* that divides 6 channels, got 4"):
        lowered(Attention(6), (3, 20))
    with pytest.raises(SpecError, match="attention works on a sequence or an image"):
        lowered(Attention(8), (8,))
