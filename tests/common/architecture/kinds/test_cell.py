"""Cell specs: what they may be, and what they are once written out."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.architecture.cost import cost_of
from common.architecture.kinds.cell import CellSpec
from common.architecture.kinds.cells import FORMS
from common.architecture.spec import ArchitectureSpec
from common.errors import SpecError
from common.tasks import Classification, Task
from tests.support.cells import another_order, cell_specs

SEQUENCE, IMAGE = Task((3, 21), Classification(4)), Task((2, 9, 7), Classification(3))
PAIR = [[(0, "skip"), (1, "skip")]]
DARTS = CellSpec(
    "darts",
    [[(0, "sep_conv3"), (1, "skip")], [(1, "max_pool3"), (2, "dil_conv5")]],
    [[(0, "avg_pool3"), (1, "conv3")], [(1, "skip"), (2, "conv1")]],
    cells=3,
    channels=4,
)
DIRECT = CellSpec("nasbench201", [[(0, "conv3")]], cells=3, channels=2)


def extents_of(graph):
    """What leaves each cell, by the name that its nodes begin with."""
    return {node.name.partition("_")[0]: node.output_shape for node in graph.nodes if node.name.startswith("cell")}


@given(cell_specs(), st.data())
@settings(max_examples=60)
def test_specs_that_are_written_in_another_order_are_equal(spec, data):
    form = FORMS[spec.form]
    names = ("normal", "reduction") if form.reduces else ("normal",)
    other = {name: data.draw(another_order(getattr(spec, name), form)) for name in names}
    again = ArchitectureSpec.from_dict({**spec.to_dict(), **other})
    assert (again, again.id) == (spec, spec.id)
    assert ArchitectureSpec.from_json(spec.to_json()) == spec


@given(cell_specs(), st.sampled_from([SEQUENCE, IMAGE]))
@settings(max_examples=40)
def test_all_that_is_written_out_is_read(spec, task):
    assert len(extents_of(spec.lower(task))) >= 2  # a graph checks itself


def test_ids_never_change():
    assert (DARTS.id, DIRECT.id) == ("ba7ef67113c6", "731b25cc3ff9")


@pytest.mark.parametrize("spec", [DARTS, CellSpec("nasbench201", [[(0, "conv3")]], cells=5, channels=4)])
def test_two_cells_halve_the_extents_and_double_the_channels(spec):
    # darts: 3 cells, two nodes side by side; nasbench201: 5 cells, of which 1 and 3 are blocks.
    side = len(spec.normal) if spec.form == "darts" else 1
    steps = {0: (1, 21, 9, 7), 1: (2, 11, 5, 4), 2: (4, 6, 3, 2)}
    stages = [0, 1, 2] if spec.cells == 3 else [0, 1, 1, 2, 2]
    for task, axes in ((SEQUENCE, slice(1, 2)), (IMAGE, slice(2, 4))):
        wanted = {f"cell{i}": (4 * side * steps[at][0], *steps[at][axes]) for i, at in enumerate(stages)}
        assert extents_of(spec.lower(task)) == wanted


def test_strides_of_the_stem_come_first():
    spec = CellSpec("nasbench201", [[(0, "conv3")]], cells=3, channels=2, stem_strides=3)
    shapes = {node.name: node.output_shape for node in spec.lower(SEQUENCE).nodes}
    assert (shapes["stem"], shapes["stem1"], shapes["stem2"]) == ((2, 11), (2, 6), (2, 3))


def test_costs_by_hand():
    # stem 3x3 of 1 channel; cell0 3x3; blocks of 2 -> 4 and 4 -> 8: 3x3, 3x3, 1x1; a norm has two numbers a channel.
    blocks = [(a * b * 9, b * b * 9, a * b) for a, b in ((2, 4), (4, 8))]
    convolutions = [(1 * 2 * 9, 64), (2 * 2 * 9, 64), *((n, 16) for n in blocks[0]), *((n, 4) for n in blocks[1])]
    norms = 2 * (2 + 2 + 4 + 4 + 8 + 8 + 8)
    cost = cost_of(DIRECT.lower(Task((1, 8, 8), Classification(5))))
    assert cost.parameters == sum(numbers for numbers, _ in convolutions) + norms + 8 * 5 + 5
    assert cost.macs == sum(numbers * places for numbers, places in convolutions) + 8 * 5


def test_a_separable_convolution_is_depthwise_and_then_mixes_channels():
    spec = CellSpec("nasbench201", [[(0, "sep_conv5")]], cells=3, channels=6)
    operations = {node.name: node.operation for node in spec.lower(IMAGE).nodes}
    depthwise, pointwise = (operations[f"cell0_node0_from0_sep_conv5{name}"] for name in ("_depthwise", ""))
    assert (depthwise.depthwise, depthwise.kernel, depthwise.dilation) == (True, 5, 1)
    assert (pointwise.depthwise, pointwise.kernel, pointwise.width) == (False, 1, 6)


def test_a_dilated_one_leaves_a_place_between_those_that_it_reads():
    spec = CellSpec("nasbench201", [[(0, "dil_conv3")]], cells=3, channels=6)
    operations = {node.name: node.operation for node in spec.lower(IMAGE).nodes}
    assert operations["cell0_node0_from0_dil_conv3_depthwise"].dilation == 2


def test_what_a_cell_does_not_read_is_not_brought_to_its_shape():
    alone = CellSpec("darts", [[(1, "conv3")]], [[(1, "conv3")]], cells=3, channels=4)
    assert not [node.name for node in alone.lower(IMAGE).nodes if "input0" in node.name]
    both = CellSpec("darts", PAIR, PAIR, cells=3, channels=4)
    assert [node.name for node in both.lower(IMAGE).nodes if "input0_" in node.name]


def test_edges_that_read_one_place_share_its_activation():
    spec = CellSpec("nasbench201", [[(0, "conv3")], [(0, "conv1"), (1, "skip")]], cells=3, channels=4)
    assert [node.name for node in spec.lower(IMAGE).nodes if "cell0_active" in node.name] == ["cell0_active0"]


def test_people_can_read_it():
    assert DIRECT.describe() == "3 nasbench201 cells from 2: conv3 0"
    assert DARTS.describe() == (
        "3 darts cells from 4: sep_conv3 0 + skip 1, max_pool3 1 + dil_conv5 2 | reduction avg_pool3 0 + conv3 1, "
        "skip 1 + conv1 2"
    )


def test_vectors_are_refused():
    with pytest.raises(SpecError, match="Cells work on a sequence or an image"):
        DARTS.lower(Task((5,), Classification(3)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"form": "enas"}, "form must be one of darts, nasbench201"),
        ({"form": ["darts"]}, "form must be one of darts, nasbench201"),
        ({"form": "nasbench201"}, "A nasbench201 spec has no reduction cell"),
        ({"reduction": None}, "A darts spec has a reduction cell"),
        ({"reduction": 5}, "reduction must be a list of 1 to 6 nodes"),
        ({"normal": {"a": 1}}, "normal must be a list of 1 to 6 nodes"),
        ({"cells": 2}, "cells must be a whole number from 3 to 32"),
        ({"cells": 33}, "cells must be a whole number from 3 to 32"),
        ({"cells": 10**30}, "cells must be a whole number from 3 to 32"),
        ({"channels": 0}, "channels must be a whole number from 1 to 1024"),
        ({"channels": 2000}, "channels must be a whole number from 1 to 1024"),
        ({"channels": 4.0}, "channels must be a whole number from 1 to 1024"),
        ({"stem_strides": 9}, "stem_strides must be a whole number from 0 to 8"),
        ({"norm": "none"}, "norm must be one of group, batch"),
        ({"nodes": 3}, "A cell spec knows only"),
    ],
)
def test_what_is_odd_is_refused(changes, message):
    with pytest.raises(SpecError, match=message):
        ArchitectureSpec.from_json(json.dumps({**DARTS.to_dict(), **changes}))


def test_what_is_missing_is_named():
    with pytest.raises(SpecError, match="A cell spec needs form and normal"):
        ArchitectureSpec.from_dict({"kind": "cell", "version": 1, "form": "darts"})
