"""Stages as they are drawn, changed, counted and found again in a network."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.architecture.kinds.mobile import MobileSpec
from common.architecture.kinds.mobile_blocks import Identity, InvertedResidual
from common.errors import SpecError
from common.seeding import generator
from server_app.spaces.base import drawn_by
from server_app.spaces.mobile_options import parse_kinds, parse_stages
from server_app.spaces.mobile_stages import Stages, Written

TWO = parse_stages([{"width": [4, 6], "depth": [1, 2]}, {"width": [6, 8], "stride": 2, "depth": 2}])
FILLED = Stages(TWO, parse_kinds(["identity", "mb2_k3", "mb2_k5"]))
FULL = Stages(TWO, parse_kinds(["mb2_k3", "mb2_k5"]))


def real(stages, writing, width):
    """What is left of it in a spec."""
    return MobileSpec(stages.blocks(writing), stem_width=width).blocks


@pytest.mark.parametrize("stages", [FILLED, FULL])
@given(seed=st.integers(0, 2**32 - 1), width=st.sampled_from([4, 5, 6]))
@settings(max_examples=100)
def test_what_was_drawn_is_found_again_in_the_network(stages, seed, width):
    rng = generator(seed)
    blocks = real(stages, stages.made(drawn_by(rng)), width)
    stages.check(blocks, width)
    for again in (stages.write(blocks, width), stages.write(blocks, width, rng)):
        assert real(stages, again, width) == blocks
    for other in (stages.mutant(again, rng), stages.child(again, stages.made(drawn_by(rng)), rng)):
        stages.check(real(stages, other, width), width)


@pytest.mark.parametrize("stages", [FILLED, FULL])
@pytest.mark.parametrize("width", [4, 5])
def test_each_network_is_counted_and_listed_once(stages, width):
    found = [real(stages, writing, width) for writing in stages.every(width)]
    assert len(found) == len(set(found)) == stages.size(width)
    assert len({tuple(stages.encode(blocks, width)) for blocks in found}) == len(found)
    rng = generator(0)
    assert {real(stages, stages.made(drawn_by(rng)), width) for _ in range(20_000)} == set(found)


def test_counts_by_hand():
    # Of two kinds, one or two blocks: 2 + 4, for two widths; two blocks: 4, for two widths.
    assert FULL.size(5) == 2 * 6 * 2 * 4
    # With identities, after what changes stride or width: 1 + 2 networks where the first place is one, 2 + 4 where not.
    # Where the stem has the first stage's width, none to two blocks: 1 + 2 + 4.
    assert FILLED.size(5) == 2 * 9 * 2 * 9
    assert FILLED.size(4) == (9 + 7) * 2 * 9


def test_a_first_stage_may_be_nothing():
    blocks = (InvertedResidual(8, 2, 3, 2),)
    assert FILLED.write(blocks, 4) == (Written(4, ("identity",) * 2), Written(8, ("mb2_k3", "identity")))
    with pytest.raises(SpecError, match="Stage 0: the space offers width 4, 6, got 5"):
        FILLED.check(blocks, 5)


def test_what_changes_stride_or_width_stays_first():
    blocks, rng = (Identity(8, 2), InvertedResidual(8, 1, 3, 2)), generator(0)
    for _ in range(20):
        assert FILLED.write(blocks, 4, rng)[1] == Written(8, ("identity", "mb2_k3"))
    alone = (InvertedResidual(8, 2, 3, 2),)
    assert {FILLED.write(alone, 4, rng)[1].kinds for _ in range(20)} == {("mb2_k3", "identity")}


def test_a_mutation_changes_one_thing():
    rng = generator(0)
    writing = FULL.made(drawn_by(rng))
    for _ in range(100):
        mutant = FULL.mutant(writing, rng)
        assert sum(old != new for old, new in zip(writing, mutant, strict=True)) == 1
