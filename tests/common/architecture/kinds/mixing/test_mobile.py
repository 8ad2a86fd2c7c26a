"""All blocks in one place of a mobile network."""

from __future__ import annotations

import pytest

from common.architecture.kinds.mixed import Choice, MixedSpec
from common.architecture.kinds.mobile import MobileSpec
from common.architecture.kinds.mobile_blocks import Identity, InvertedResidual
from common.errors import SpecError
from common.tasks import Classification, Task
from tests.support.graphs import reading
from tests.support.mixed import mixed_blocks

SEQUENCE = Task((3, 21), Classification(4))
SMALL, LARGE = InvertedResidual(8, 2, 3, 1), InvertedResidual(8, 2, 5, 4)
SPEC = mixed_blocks([SMALL, LARGE, Identity(8, 2)], stem_width=4)


def test_places_are_blocks_by_stage():
    assert [choice.place for choice in SPEC.choices] == ["stage0block0", "stage0block1"]
    read = reading(SPEC.lower(SEQUENCE))
    mix, inputs = read["stage0block0_mix"]
    assert (mix.place, mix.inputs) == ("stage0block0", (0, 1, 2))
    # a block that changes the width has no sum, an identity is a convolution where extents or channels change
    assert inputs == [
        "stage0block0_inverted_residual_width_8_stride_2_expansion_1_project_norm",
        "stage0block0_inverted_residual_width_8_stride_2_kernel_5_project_norm",
        "stage0block0_identity_width_8_stride_2_norm",
    ]
    assert read["stage0block1_mix"][1][-1] == "stage0block0_mix", "and nothing where they do not"


def test_an_identity_alone_leaves_nothing_and_its_neighbours_names_as_they_are():
    deep = mixed_blocks([SMALL, Identity(8, 2)], depth=3, stem_width=4)
    fewer = deep.keeping({"stage0block1": [1]})
    names, all_names = ({node.name for node in spec.lower(SEQUENCE).nodes} for spec in (fewer, deep))
    assert names < all_names
    assert not any(name.startswith("stage0block1") for name in names)
    assert "stage0block2_mix" in names


def test_it_comes_to_the_chosen_blocks_and_what_does_nothing_is_left_out():
    chosen = {"stage0block0": LARGE, "stage0block1": Identity(8)}
    assert SPEC.plain(chosen) == MobileSpec((LARGE,), stem_width=4)


@pytest.mark.parametrize("odd", [InvertedResidual(9, 2), InvertedResidual(8, 1), Identity(8)])
def test_options_have_the_width_and_stride_of_their_place(odd):
    with pytest.raises(SpecError, match="options of stage0block0 must have its width and stride, 8 and 2"):
        MixedSpec(MobileSpec((SMALL,)), (Choice("stage0block0", (SMALL, odd)),))


@pytest.mark.parametrize("places", [["stage0block1"], ["stage1block0"], ["stage0block0", "stage0block0"]])
def test_places_are_those_of_the_frame(places):
    with pytest.raises(SpecError, match="The places of mixed blocks are among stage0block0, in order"):
        MixedSpec(MobileSpec((SMALL,)), tuple(Choice(place, (SMALL, LARGE)) for place in places))


def test_a_vector_has_no_blocks_and_blocks_no_parts():
    with pytest.raises(SpecError, match="Mobile networks work on a sequence or an image"):
        SPEC.lower(Task((4,), Classification(2)))
    with pytest.raises(SpecError, match="Only mixed cells have partial channels"):
        MixedSpec(SPEC.frame, SPEC.choices, 2)
