"""The cell space: what it offers, and how a spec of it changes."""

from __future__ import annotations

import pytest

from common.architecture.kinds.cell import CellSpec
from common.errors import ConfigError, SpaceError, SpecError
from common.seeding import generator
from common.tasks import Classification, Task
from server_app.spaces.cell import CellSpace

SEQUENCE, IMAGE = Task((9, 128), Classification(6)), Task((1, 28, 28), Classification(10))
PAIR = [[(0, "skip"), (1, "skip")]]
NAMES = ("normal", "reduction", "cells", "channels", "norm")


def space(task=IMAGE, **options):
    return CellSpace(task, CellSpace.Options(**options))


@pytest.mark.parametrize("task", [SEQUENCE, IMAGE])
@pytest.mark.parametrize("form", ["darts", "nasbench201"])
def test_most_draws_of_the_default_space_are_legal(task, form):
    default, rng = space(task, form=form), generator(0)
    assert sum(default.contains(default._draw(rng)) for _ in range(100)) > 70


def test_the_cells_of_the_papers_are_their_defaults():
    darts, rng = space(nodes=4), generator(0)
    drawn = [node for _ in range(100) for node in darts.sample(rng).normal]
    assert {len(node) for node in drawn} == {2}
    assert {operation for node in drawn for _, operation in node} == {
        *("skip", "sep_conv3", "sep_conv5", "dil_conv3", "dil_conv5", "avg_pool3", "max_pool3")
    }
    table = space(form="nasbench201", max_macs=None)
    drawn = [node for _ in range(100) for node in table.sample(rng).normal]
    assert {operation for node in drawn for _, operation in node} == {"skip", "conv1", "conv3", "avg_pool3"}


def test_isomorphic_cells_of_nas_bench_201_are_counted_once():
    # tests/common/architecture/kinds/test_cells.py finds that these are as many as there are up to isomorphism.
    table = space(form="nasbench201", cells=[5], channels=[16])
    assert table.size() == len(set(table.enumerate())) == 8764 < 5**6


def test_what_cannot_be_gone_through_is_counted_as_it_is_written():
    # Each of 3 nodes has two edges of 7 operations from 1, 3 or 6 pairs of places; there are two cells in 3 x 3 stacks.
    assert space().size() == (7**2 * 3 * 7**2 * 6 * 7**2) ** 2 * 9


@pytest.mark.parametrize(
    ("shape", "strides"),
    [((9, 64), 0), ((9, 65), 1), ((3, 5000), 7), ((1, 16, 16), 0), ((1, 28, 28), 1), ((3, 20, 99), 3)],
)
def test_a_stem_leaves_64_steps_or_16_pixels_at_most(shape, strides):
    # 5000 / 2 ** 7 = 39.1, and 99 / 2 ** 3 = 12.4
    found = space(Task(shape, Classification(2)), max_macs=None).sample(generator(0))
    assert found.stem_strides == strides


def test_who_names_the_strides_gets_them():
    assert space(stem_strides=3).sample(generator(0)).stem_strides == 3


def test_a_mutation_changes_one_thing_and_each_that_has_a_choice():
    mutable, rng = space(norm=["group", "batch"], max_macs=None), generator(0)
    spec, changed = mutable.sample(rng), set()
    for _ in range(200):
        mutant = mutable.mutate(spec, rng)
        changed.add(tuple(name for name in NAMES if getattr(mutant, name) != getattr(spec, name)))
    assert changed == {(name,) for name in NAMES}


def test_a_mutated_cell_differs_in_one_edge():
    mutable, rng = space(cells=[3], channels=[4], form="nasbench201", operations=["conv1", "conv3"]), generator(0)
    spec = CellSpec("nasbench201", [[(0, "conv1")], [(0, "conv1"), (1, "conv1")], [(s, "conv1") for s in range(3)]])
    for _ in range(30):
        operations = [op for node in mutable._mutant(spec, rng).normal for _, op in node]
        assert sorted(operations) == ["conv1"] * 5 + ["conv3"]


def test_crossover_takes_each_field_from_one_of_the_two():
    mixed, rng = space(max_macs=None), generator(0)
    a, b = mixed.sample(rng), mixed.sample(rng)
    for _ in range(30):
        child = mixed.crossover(a, b, rng)
        assert all(getattr(child, name) in (getattr(a, name), getattr(b, name)) for name in NAMES[2:])


def test_the_nearest_has_the_numbers_that_are_offered():
    near = space().nearest(CellSpec("darts", PAIR, PAIR, cells=20, channels=36, norm="batch"))
    assert near == CellSpec("darts", PAIR, PAIR, cells=8, channels=8, norm="group", stem_strides=1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"form": "nasbench201", "normal": [[(0, "skip")]], "reduction": None},
            "The space offers form darts, got 'nasbench201'",
        ),
        ({"cells": 4}, "The space offers cells 3, 5, 8, got 4"),
        ({"channels": 5}, "The space offers channels 4, 6, 8, got 5"),
        ({"norm": "batch"}, "The space offers norm group, got 'batch'"),
        ({"stem_strides": 0}, "The space offers stem_strides 1, got 0"),
        ({"normal": PAIR}, "The normal cells of the space have 3 nodes with all their edges"),
        (
            {"reduction": [*PAIR * 2, [(0, "conv3"), (1, "skip")]]},
            "The reduction cell: the space offers skip, sep_conv3",
        ),
    ],
)
def test_a_spec_of_another_space_is_refused_with_the_reason(changes, message):
    fields = {"form": "darts", "normal": PAIR * 3, "reduction": PAIR * 3, "cells": 3, "channels": 4, "stem_strides": 1}
    space().check(CellSpec(**fields))
    with pytest.raises(SpecError, match=message):
        space().check(CellSpec(**{**fields, **changes}))


def test_where_an_edge_may_be_none_a_cell_may_be_smaller_and_not_larger():
    small = space(operations=["none", "skip"], nodes=2)
    fields = {"cells": 3, "channels": 4, "stem_strides": 1}
    small.check(CellSpec("darts", PAIR, [[(1, "skip")]], **fields))
    with pytest.raises(SpecError, match="The normal cells of the space have 2 nodes at most, got 3"):
        small.check(CellSpec("darts", PAIR * 3, PAIR, **fields))


def test_vectors_are_refused_in_one_sentence():
    with pytest.raises(SpaceError, match=r"cell space is for sequences and images.*\(13,\)\. Choose space=layered"):
        space(Task((13,), Classification(3)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"form": "enas"}, "space.form must be one of darts, nasbench201"),
        ({"nodes": 0}, "space.nodes must be a whole number from 1 to 6"),
        ({"nodes": 7}, "space.nodes must be a whole number from 1 to 6"),
        ({"operations": []}, "space.operations must be a list of choices"),
        ({"operations": ["conv9"]}, "space.operations must be one of none, skip"),
        ({"operations": ["none"]}, "space.operations must have one that is not none"),
        ({"cells": [2]}, "space.cells must be a whole number from 3 to 32"),
        ({"channels": [4, 4]}, "space.channels must not repeat a choice"),
        ({"norm": ["none"]}, "space.norm must be one of group, batch"),
        ({"stem_strides": -1}, "space.stem_strides must be a whole number from 0 to 8"),
        ({"max_macs": 0}, "space.max_macs must be 1 or more"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ConfigError, match=message):
        CellSpace.Options(**options)
