"""The mobile space: what it offers, and how a spec of it changes."""

from __future__ import annotations

import pytest

from common.architecture.kinds.mobile import MobileSpec
from common.architecture.kinds.mobile_blocks import Identity, InvertedResidual
from common.errors import ConfigError, SpaceError, SpecError
from common.seeding import generator
from common.tasks import Classification, Task
from server_app.spaces.mobile import MobileSpace

SEQUENCE, IMAGE = Task((9, 128), Classification(6)), Task((1, 28, 28), Classification(10))
NAS_BENCH_MACRO = {
    "stages": [
        {"width": 64, "stride": 2, "depth": 2},
        {"width": 128, "stride": 2, "depth": 3},
        {"width": 256, "stride": 2, "depth": 3},
    ],
    "blocks": ["identity", "mb3_k3", "mb6_k5"],
    "stem_width": [32],
    "last_width": [1280],
    "activation": ["relu6"],
    "norm": ["batch"],
    "stem_strides": 0,
    "max_parameters": None,
    "max_macs": None,
}
SMALL = {"stages": [{"width": [4, 8], "depth": 2}, {"width": [8, 16], "stride": 2, "depth": [1, 2]}], "stem_width": [4]}


def weight(block):
    return block.kernel if isinstance(block, InvertedResidual) else 0


def space(task=IMAGE, **options):
    return MobileSpace(task, MobileSpace.Options(**options))


@pytest.mark.parametrize("task", [SEQUENCE, IMAGE])
def test_most_draws_of_the_default_space_are_legal(task):
    default, rng = space(task), generator(0)
    assert sum(default.contains(default._draw(rng)) for _ in range(100)) > 70


def test_nas_bench_macro_is_one_configuration():
    # Three choices at 8 places make 6561. In a stage of d places the first keeps stride and width: n blocks after it
    # from 0 to d - 1, or d from 1 on, of two kinds each: 3 + 6 where d is 2, 7 + 14 where it is 3.
    macro = space(Task((3, 32, 32), Classification(10)), **NAS_BENCH_MACRO)
    assert macro.size() == len(set(macro.enumerate())) == 9 * 21 * 21
    *_, largest = sorted(macro.enumerate(), key=lambda spec: (len(spec.blocks), *map(weight, spec.blocks)))
    assert [block.width for block in largest.blocks] == [64] * 2 + [128] * 3 + [256] * 3
    assert {(block.expansion, block.kernel) for block in largest.blocks} == {(6, 5)}
    assert MobileSpec((Identity(64, 2), Identity(128, 2), Identity(256, 2)), 32, 0, 1280, norm="batch") in set(
        macro.enumerate()
    )


def test_what_does_nothing_is_nowhere_in_a_spec():
    deep, rng = space(), generator(0)
    for _ in range(50):
        spec, before = deep.sample(rng), 8
        for block in spec.blocks:
            assert not isinstance(block, Identity) or block.changes(before)
            before = block.width


def test_mutations_change_all_that_has_a_choice():
    mutable, rng = space(**SMALL, blocks=["mb2_k3", "mb2_k5", "mb2_k3_se", "mb3_k3"]), generator(0)
    first, second = InvertedResidual(4, 1, 3, 2), InvertedResidual(8, 2, 3, 2)
    spec = MobileSpec((first, first, second), stem_width=4, stem_strides=1, activation="relu6")
    changed = set()
    for _ in range(400):
        mutant = mutable.mutate(spec, rng)
        if len(mutant.blocks) != len(spec.blocks):
            changed.add("depth")
        else:
            names = ("width", "kernel", "expansion", "squeeze_excite")
            pairs = list(zip(spec.blocks, mutant.blocks, strict=True))
            changed |= {name for name in names for old, new in pairs if getattr(old, name) != getattr(new, name)}
        changed |= {name for name in ("last_width", "activation") if getattr(mutant, name) != getattr(spec, name)}
    assert changed == {"depth", "width", "kernel", "expansion", "squeeze_excite", "last_width", "activation"}


def test_the_nearest_has_what_is_offered_but_for_its_blocks():
    spec = MobileSpec((InvertedResidual(99),), stem_width=100, last_width=40, activation="silu", norm="batch")
    assert space().nearest(spec) == MobileSpec((InvertedResidual(99),), 8, 1, 64, "relu6", "group")


GOOD = {
    "blocks": (InvertedResidual(4, 1, 3, 2),) * 2 + (InvertedResidual(8, 2, 3, 2),),
    "stem_width": 4,
    "stem_strides": 1,
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stem_strides": 2}, "The space offers stem_strides 1, got 2"),
        ({"stem_width": 8}, "The space offers stem_width 4, got 8"),
        ({"norm": "batch"}, "The space offers norm group, got 'batch'"),
        ({"blocks": GOOD["blocks"][:2]}, r"The space has stages of stride 1, 2, got \[1\]"),
        (
            {"blocks": (*GOOD["blocks"], InvertedResidual(8, 2))},
            r"The space has stages of stride 1, 2, got \[1, 2, 2\]",
        ),
        (
            {"blocks": (*GOOD["blocks"][:2], InvertedResidual(7, 2, 3, 2))},
            "Stage 1: the space offers width 8, 16, got 7",
        ),
        ({"blocks": GOOD["blocks"][1:]}, "Stage 0: the space offers depth 2, got 1"),
        ({"blocks": (*GOOD["blocks"][:2], Identity(8, 2))}, "Stage 1: the space offers blocks mb2_k3, got 'identity'"),
    ],
)
def test_a_spec_of_another_space_is_refused_with_the_reason(changes, message):
    small = space(**SMALL, blocks=["mb2_k3"])
    small.check(MobileSpec(**GOOD))
    with pytest.raises(SpecError, match=message):
        small.check(MobileSpec(**{**GOOD, **changes}))


def test_where_identity_is_offered_depths_are_what_a_stage_has_at_most():
    small = space(**SMALL, blocks=["identity", "mb2_k3"])
    for blocks in (GOOD["blocks"], GOOD["blocks"][1:], GOOD["blocks"][2:], (Identity(8, 2),)):
        small.check(MobileSpec(**{**GOOD, "blocks": blocks}))
    with pytest.raises(SpecError, match="Stage 0: the space offers depth 2, got 3"):
        small.check(MobileSpec(**{**GOOD, "blocks": (GOOD["blocks"][0], *GOOD["blocks"])}))


def test_vectors_are_refused_in_one_sentence():
    with pytest.raises(SpaceError, match=r"mobile space is for sequences and images.*\(13,\)\. Choose space=layered"):
        space(Task((13,), Classification(3)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stem_width": [0]}, "space.stem_width must be a whole number from 1 to 4096"),
        ({"last_width": []}, "space.last_width must be a list of choices"),
        ({"activation": ["tanh"]}, "space.activation must be one of relu, relu6"),
        ({"norm": ["none"]}, "space.norm must be one of group, batch"),
        ({"stem_strides": 9}, "space.stem_strides must be a whole number from 0 to 8"),
        ({"max_parameters": 0}, "space.max_parameters must be 1 or more"),
        ({"blocks": ["mb"]}, "space.blocks: A block must be named"),
        ({"stages": []}, "space.stages must have a stage"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ConfigError, match=message):
        MobileSpace.Options(**options)
