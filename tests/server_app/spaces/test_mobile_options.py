"""What the configuration says of the stages of a mobile space."""

from __future__ import annotations

import pytest

from common.architecture.kinds.mobile_blocks import Identity, InvertedResidual
from common.errors import ConfigError
from server_app.spaces.domains import Choices
from server_app.spaces.mobile_options import Stage, block_of, kind_of, parse_kinds, parse_stages


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("identity", Identity(6, 2)),
        ("mb1_k3", InvertedResidual(6, 2, 3, 1)),
        ("mb12_k11", InvertedResidual(6, 2, 11, 12)),
        ("mb4_k5_se", InvertedResidual(6, 2, 5, 4, squeeze_excite=True)),
    ],
)
def test_names_say_all_but_width_and_stride(name, block):
    assert block_of(name, 6, 2) == block
    assert kind_of(block) == name


def test_one_value_is_one_choice():
    assert parse_stages([{"width": 8, "depth": [1, 2]}, {"width": [8, 9], "stride": 2}]) == (
        Stage(Choices((8,)), 1, Choices((1, 2))),
        Stage(Choices((8, 9)), 2, Choices((1,))),
    )


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([], "space.stages must have a stage"),
        (["8"], "space.stages.0 must have a width, stride and depth"),
        ([{"depth": 2}], "space.stages.0.width must be set"),
        ([{"width": 8, "kernel": 3}], r"space.stages.0.kernel=3 is no option; space.stages.0 has width, stride, depth"),
        ([{"width": 0}], "space.stages.0.width must be a whole number from 1"),
        ([{"width": [8, 8]}], "space.stages.0.width must not repeat a choice"),
        ([{"width": 8, "stride": 3}], "space.stages.0.stride must be 1 or 2"),
        ([{"width": 8, "depth": []}], "space.stages.0.depth must be a list of choices"),
        ([{"width": 8, "depth": 40}, {"width": 9, "depth": 25}], "space.stages must have 64 blocks at most"),
        ([{"width": [8, 9]}, {"width": [9, 10]}], "space.stages.1 must have a stride of 2, or widths that the stage"),
    ],
)
def test_wrong_stages_are_named(stages, message):
    with pytest.raises(ConfigError, match=message):
        parse_stages(stages)


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([], "space.blocks must be a list of choices"),
        (["identity"], "space.blocks must have one that is no identity"),
        (["mb4"], "space.blocks: A block must be named identity, mb4_k3"),
        (["mb4_k4"], "space.blocks: inverted_residual kernel must be an odd whole number"),
        (["mb40_k3"], "space.blocks: inverted_residual expansion must be a whole number from 1 to 16"),
        (["mb4_k3", "mb4_k03"], "space.blocks must not repeat a choice"),
    ],
)
def test_wrong_blocks_are_named(blocks, message):
    with pytest.raises(ConfigError, match=message):
        parse_kinds(blocks)
