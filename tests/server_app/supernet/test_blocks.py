"""Every number of a network is in one block, and networks share what stands in the same place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.architecture.graph import INPUT, GraphBuilder
from common.architecture.kinds.cell import CellSpec
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Conv1d, Linear
from common.architecture.kinds.mobile import MobileSpec
from common.architecture.kinds.mobile_blocks import Identity, InvertedResidual
from common.architecture.layout import layout
from common.architecture.operations import Concatenate, Convolution, Flatten, GlobalPool
from common.architecture.operations import Linear as LinearMap
from common.tasks import Classification, Task
from server_app.supernet.blocks import blocks_of, within
from tests.support.kinds import NO_NETWORKS, SPACES, TASKS, space_of

CASES = [(case, data) for case, (kinds, _) in SPACES.items() if case not in NO_NETWORKS for data in kinds]
IMAGE, SEQUENCE = Task((2, 8, 8), Classification(3)), Task((3, 16), Classification(4))


def shapes(graph):
    return {block.key: block.shape for block in blocks_of(graph)}


@pytest.mark.parametrize(("case", "data"), CASES)
@settings(max_examples=10)
@given(seed=st.integers(0, 2**32 - 1))
def test_each_number_is_in_one_block_and_each_block_has_a_name_of_its_own(case, data, seed):
    graph = space_of(case, data).sample(np.random.default_rng(seed)).lower(TASKS[data])
    counts = {tensor.name: np.zeros(tensor.shape, int) for tensor in layout(graph)}
    blocks = blocks_of(graph)
    for block in blocks:
        counts[block.info.name][block.inside] += 1
        assert counts[block.info.name][block.inside].shape == block.shape
    assert all((count == 1).all() for count in counts.values())
    assert len({block.key for block in blocks}) == len(blocks)


def test_what_was_put_side_by_side_is_told_apart():
    network = GraphBuilder((2, 5))
    wide = network.add("a_first", Convolution(3, 1), INPUT)
    narrow = network.add("a_second", Convolution(2, 1), INPUT)
    both = network.add("a_both", Concatenate(), wide, narrow)
    x = network.add("b", Convolution(5, 3), both)
    network.add("classifier", LinearMap(4), network.add("mean", GlobalPool("avg"), x))
    blocks = {block.key: block for block in blocks_of(network.graph())}
    first, second = (blocks[f"b convolution weight |{part}/"] for part in ("first", "second"))
    assert (first.inside, first.shape) == ((slice(0, 5), slice(0, 3), slice(0, 3)), (5, 3, 3))
    assert (second.inside, second.shape) == ((slice(0, 5), slice(3, 5), slice(0, 3)), (5, 2, 3))
    assert first.within((8, 8, 7)) == (slice(0, 5), slice(0, 3), slice(2, 5))


def test_flattened_channels_are_the_first_ones_of_their_extents():
    network = GraphBuilder((3, 4, 2))
    network.add("classifier", LinearMap(5), network.add("flat", Flatten(), INPUT))
    assert shapes(network.graph()) == {"classifier linear weight |@4x2": (5, 24), "classifier linear bias ": (5,)}


@pytest.mark.parametrize(
    ("shape", "whole", "expected"),
    [
        ((3,), (3,), (slice(0, 3),)),
        ((3,), (7,), (slice(2, 5),)),
        ((2,), (3,), (slice(1, 3),)),  # the place of the output: 0 of 2, 1 of 3
        ((2,), (4,), (slice(1, 3),)),
        ((3,), (4,), (slice(0, 3),)),
    ],
)
def test_a_window_is_the_middle_of_a_larger_one(shape, whole, expected):
    assert within(shape, whole, 1) == expected


def test_a_smaller_mobile_network_is_within_a_larger_one():
    def spec(width, kernel, *more):
        blocks = (InvertedResidual(width, 2, kernel, 2), *more, InvertedResidual(2 * width, 2, kernel, 2))
        return MobileSpec(blocks, stem_width=4)

    small, large = spec(4, 3), spec(8, 5, InvertedResidual(8, 1, 5, 4))
    inside, around = shapes(small.lower(IMAGE)), shapes(large.lower(IMAGE))
    assert inside.keys() <= around.keys()
    assert all(np.less_equal(shape, around[key]).all() for key, shape in inside.items())


def test_what_a_stage_begins_with_need_not_be_of_one_kind():
    specs = [
        MobileSpec((first, InvertedResidual(8)), stem_width=4) for first in (Identity(8, 2), InvertedResidual(8, 2))
    ]
    one, other = (shapes(spec.lower(IMAGE)) for spec in specs)
    shared = {key.split()[0] for key in one.keys() & other.keys()}
    assert {"stem", "stage0block1_expand", "stage0block1_project", "classifier"} <= shared
    assert "stage0block0" not in shared


def test_an_edge_of_a_cell_has_weights_of_its_own_for_each_place_that_it_reads_and_each_operation():
    def keys(*edges):
        spec = CellSpec("nasbench201", [[(0, "conv3")], list(edges)], cells=3, channels=4)
        return {block.key for block in blocks_of(spec.lower(IMAGE)) if block.key.startswith("cell0_node1")}

    both = keys((0, "conv3"), (1, "conv1"))
    assert keys((1, "conv1")) < both
    assert not keys((1, "conv3")) & both
    assert not keys((0, "conv1"), (1, "conv3")) & both


def test_layers_of_other_widths_kernels_and_depths_share():
    def spec(*layers):
        return LayeredSpec((*layers, Linear(8)), "avg")

    small = shapes(spec(Conv1d(width=4, kernel=3)).lower(SEQUENCE))
    large = shapes(spec(Conv1d(width=8, kernel=5), Conv1d(width=8)).lower(SEQUENCE))
    assert small["layer0 convolution weight |"] == (4, 3, 3)
    assert large["layer0 convolution weight |"] == (8, 3, 5)
    assert small["classifier linear weight |"] == large["classifier linear weight |"]
