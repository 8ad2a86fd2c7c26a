"""Mobile specs: what they may be, and what they are once written out."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.architecture.cost import cost_of
from common.architecture.kinds.mobile import MobileSpec
from common.architecture.kinds.mobile_blocks import Identity, InvertedResidual
from common.architecture.spec import ArchitectureSpec
from common.errors import SpecError
from common.tasks import Classification, Task
from tests.support.mobiles import mobile_specs

SEQUENCE, IMAGE = Task((3, 21), Classification(4)), Task((2, 9, 7), Classification(3))
SPEC = MobileSpec(
    (
        InvertedResidual(8, 2, 5, 3),
        InvertedResidual(8, expansion=1, squeeze_excite=True),
        Identity(12),
        InvertedResidual(12),
    ),
    stem_width=4,
    last_width=16,
    activation="hard_swish",
)


@given(mobile_specs(), st.data())
@settings(max_examples=100)
def test_nothing_more_or_less_is_the_same_network(spec, data):
    place = data.draw(st.integers(0, len(spec.blocks)))
    width = spec.blocks[place - 1].width if place else spec.stem_width
    longer = [block.to_dict() for block in spec.blocks]
    longer.insert(place, {"op": "identity", "width": width, "stride": 1})
    again = ArchitectureSpec.from_dict({**spec.to_dict(), "blocks": longer})
    assert (again, again.id) == (spec, spec.id)
    assert ArchitectureSpec.from_json(spec.to_json()) == spec


@given(mobile_specs())
@settings(max_examples=100)
def test_no_block_that_is_left_does_nothing(spec):
    widths = [spec.stem_width, *(block.width for block in spec.blocks)]
    for block, width in zip(spec.blocks, widths, strict=False):
        assert isinstance(block, InvertedResidual) or (block.width, block.stride) != (width, 1)


@given(mobile_specs(), st.sampled_from([SEQUENCE, IMAGE]))
@settings(max_examples=40)
def test_each_block_gives_its_width_and_its_share_of_the_extents(spec, task):
    shapes = {node.name.partition("_")[0]: node.output_shape for node in spec.lower(task).nodes}
    extents = task.input_shape[1:]
    for _ in range(spec.stem_strides):
        extents = tuple(-(-extent // 2) for extent in extents)
    assert shapes["stem" if spec.stem_strides < 2 else f"stem{spec.stem_strides - 1}"] == (spec.stem_width, *extents)
    names = [name for name in shapes if name.startswith("stage")]
    for name, block in zip(names, spec.blocks, strict=True):
        extents = tuple(-(-extent // block.stride) for extent in extents)
        assert shapes[name] == (block.width, *extents)


def test_ids_never_change():
    assert (SPEC.id, MobileSpec(()).id) == ("e00ef7852b52", "77ae16805909")


def test_costs_by_hand():
    # Of 8 x 8: stem 3x3 of 1 -> 4. Block 0: 4 -> 12 (1x1), 5x5 each by itself, on 4 x 4 from there on, 12 -> 8.
    # Block 1: 3x3 each by itself, gates 8 -> 2 -> 8 with biases, 8 -> 8. Block 2: 8 -> 12. Block 3: 12 -> 48, 3x3,
    # 48 -> 12. Last 12 -> 16.
    large = [1 * 4 * 9, 4 * 12]
    small = [12 * 25, 12 * 8, 8 * 9, 8 * 8, 8 * 12, 12 * 48, 48 * 9, 48 * 12, 12 * 16]
    gates = 8 * 2 + 2 * 8
    norms = 2 * (4 + 12 + 12 + 8 + 8 + 8 + 12 + 48 + 48 + 12 + 16)
    cost = cost_of(SPEC.lower(Task((1, 8, 8), Classification(5))))
    assert cost.parameters == sum(large) + sum(small) + gates + 2 + 8 + norms + 16 * 5 + 5
    assert cost.macs == 64 * sum(large) + 16 * sum(small) + gates + 16 * 5


def test_a_block_is_added_to_what_enters_where_that_has_its_shape():
    added = [node.name for node in SPEC.lower(IMAGE).nodes if node.operation.op == "add"]
    assert added == ["stage0block1_add", "stage1block1_add"]


def test_people_can_read_it():
    assert SPEC.describe() == "stem 4 → mb3 k5 8 s2 → mb1 k3 se 8 → identity 12 → mb4 k3 12 → 16"


def test_vectors_are_refused():
    with pytest.raises(SpecError, match="Mobile networks work on a sequence or an image"):
        SPEC.lower(Task((5,), Classification(3)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"blocks": "mb"}, "blocks must be a list"),
        ({"blocks": {}}, "blocks must be a list"),
        ({"blocks": [{"op": "identity", "width": 3}] * 65}, "must have 64 blocks at most, got 65"),
        ({"blocks": [3]}, "Block 0: a block must be an object"),
        ({"stem_width": 0}, "stem_width must be a whole number from 1 to 4096"),
        ({"stem_strides": 9}, "stem_strides must be a whole number from 0 to 8"),
        ({"last_width": 10**20}, "last_width must be a whole number from 0 to 4096"),
        ({"activation": "tanh"}, "activation must be one of relu, relu6, hard_swish, silu"),
        ({"norm": "none"}, "norm must be one of group, batch"),
        ({"stages": 3}, "A mobile spec knows only"),
    ],
)
def test_what_is_odd_is_refused(changes, message):
    with pytest.raises(SpecError, match=message):
        ArchitectureSpec.from_json(json.dumps({**SPEC.to_dict(), **changes}))


def test_what_is_missing_is_named():
    with pytest.raises(SpecError, match="A mobile spec needs blocks"):
        ArchitectureSpec.from_dict({"kind": "mobile", "version": 1})


def test_blocks_are_called_by_stage_and_place_so_that_a_deeper_stage_leaves_the_names_of_others():
    def names(*blocks):
        graph = MobileSpec(blocks, stem_width=4).lower(IMAGE)
        return list(dict.fromkeys(name for node in graph.nodes if (name := node.name.partition("_")[0])[:5] == "stage"))

    first, same, wide = InvertedResidual(4), InvertedResidual(4), InvertedResidual(8, 2)
    assert names(first, wide) == ["stage0block0", "stage1block0"]
    assert names(first, same, wide) == ["stage0block0", "stage0block1", "stage1block0"]
    assert names(wide, wide) == ["stage0block0", "stage1block0"]
