"""Blocks of mobile networks: fields, and gates by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from common.architecture.initial import initial_weights
from common.architecture.kinds.mobile import MobileSpec
from common.architecture.kinds.mobile_blocks import Identity, InvertedResidual, block_from_dict
from common.errors import SpecError
from common.models.builder import build
from common.seeding import generator
from common.tasks import Classification, Task

IMAGE = Task((2, 6, 6), Classification(3))


def test_a_block_goes_to_json_and_back():
    for block in (Identity(3, 2), InvertedResidual(5, 2, 7, 6, squeeze_excite=True)):
        assert block_from_dict(block.to_dict()) == block
    assert block_from_dict({"op": "inverted_residual", "width": 4}) == InvertedResidual(4, 1, 3, 4, False)


def test_it_changes_what_enters_where_stride_or_width_do():
    assert [Identity(4).changes(4), Identity(4, 2).changes(4), Identity(4).changes(5)] == [False, True, True]


def test_gates_weigh_channels_by_what_the_means_of_all_say():
    spec = MobileSpec((InvertedResidual(4, expansion=2, squeeze_excite=True),), stem_width=4)
    graph = spec.lower(IMAGE)
    module = build(graph, initial_weights(graph, generator(0)))
    seen = {}
    for name, child in module.named_children():
        child.register_forward_hook(lambda _, inputs, output, name=name: seen.update({name: (inputs, output)}))
    module(torch.from_numpy(generator(1).standard_normal((3, *IMAGE.input_shape)).astype(np.float32)))
    x, gates = seen["stage0block0_gate"][0]
    squeeze, excite = (
        module.get_submodule("stage0block0_gate_squeeze"),
        module.get_submodule("stage0block0_gate_excite"),
    )
    hidden = torch.relu(x.mean((2, 3)) @ squeeze.weight.T + squeeze.bias)
    expected = torch.clamp((hidden @ excite.weight.T + excite.bias) / 6 + 0.5, 0, 1)
    assert squeeze.weight.shape == (2, 8)  # a fourth of 2 x 4 channels
    torch.testing.assert_close(gates, expected)
    torch.testing.assert_close(seen["stage0block0_gate"][1], x * expected[:, :, None, None])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (None, "a block must be an object"),
        ({"op": "mb"}, "op must be one of identity, inverted_residual, got 'mb'"),
        ({"op": ["identity"]}, "op must be one of"),
        ({"op": "identity"}, "identity needs width"),
        ({"op": "identity", "width": 3, "kernel": 3}, "identity knows only width, stride"),
        ({"op": "identity", "width": 3, "stride": 3}, "identity stride must be a whole number from 1 to 2"),
        ({"op": "identity", "width": True}, "identity width must be a whole number from 1 to 4096"),
        ({"op": "inverted_residual", "width": 3, "kernel": 4}, "kernel must be an odd whole number"),
        ({"op": "inverted_residual", "width": 3, "expansion": 17}, "expansion must be a whole number from 1 to 16"),
        ({"op": "inverted_residual", "width": 3, "squeeze_excite": 1}, "squeeze_excite must be true or false, got 1"),
    ],
)
def test_what_is_odd_is_refused(values, message):
    with pytest.raises(SpecError, match=message):
        block_from_dict(values)
