"""What blocks have in common."""

from __future__ import annotations

import pytest

from common.architecture.graph import HEAD, INPUT, GraphBuilder
from common.architecture.kinds.blocks import BlockBuilder


def builder(norm="group", shape=(2, 9, 7)):
    return BlockBuilder(GraphBuilder(shape), norm)


@pytest.mark.parametrize(
    ("strides", "shapes"),
    [(0, [(4, 9, 7)]), (1, [(4, 5, 4)]), (3, [(4, 5, 4), (4, 3, 2), (4, 2, 1)])],
)
def test_a_stem_has_a_convolution_for_each_stride_and_one_at_least(strides, shapes):
    blocks = builder()
    blocks.end(HEAD, blocks.stem(4, strides, "relu"), 3)
    nodes = blocks.network.graph().nodes
    assert [node.output_shape for node in nodes if node.operation.op == "convolution"] == shapes
    assert [node.operation.op for node in nodes].count("activation") == len(shapes) - 1
    assert nodes[-3].name.endswith("_norm")


@pytest.mark.parametrize(("norm", "op"), [("group", "group_norm"), ("batch", "batch_norm")])
def test_a_convolution_has_a_norm_and_no_bias(norm, op):
    blocks = builder(norm)
    blocks.end(HEAD, blocks.convolution("one", INPUT, 4, 3, 2), 3)
    convolution, following = blocks.network.graph().nodes[:2]
    assert (convolution.operation.bias, following.name, following.operation.op) == (False, "one_norm", op)


def test_halving_works_down_to_one():
    blocks = builder(shape=(2, 9, 1))
    assert blocks.network.shape(blocks.halved("half", INPUT)) == (2, 5, 1)
