"""Cells with all operations on all edges."""

from __future__ import annotations

import pytest
import torch

from common.architecture.kinds.cell import CellSpec
from common.architecture.kinds.cells import FORMS
from common.architecture.kinds.mixed import Choice, MixedSpec
from common.architecture.kinds.mixing.cell import place_of
from common.architecture.layout import layout
from common.architecture.plain_norms import with_plain_norms
from common.errors import SpecError
from common.models.builder import build
from common.models.mixing import set_shares
from common.seeding import generator
from common.tasks import Classification, Task
from tests.support.graphs import reading
from tests.support.mixed import mixed_cells

IMAGE = Task((2, 9, 7), Classification(3))
PAIR = ("none", "skip", "conv3")


def test_places_are_all_edges_the_normal_cells_first():
    darts = [choice.place for choice in mixed_cells("darts", PAIR, 2).choices]
    assert darts[:5] == ["normal.0.from0", "normal.0.from1", "normal.1.from0", "normal.1.from1", "normal.1.from2"]
    assert darts[5:] == [place.replace("normal", "reduction") for place in darts[:5]]
    assert [choice.place for choice in mixed_cells("nasbench201", PAIR, 2).choices] == [
        *("normal.0.from0", "normal.1.from0", "normal.1.from1")
    ]


def test_an_edge_is_the_sum_of_its_options_and_none_gives_nothing():
    read = reading(mixed_cells("nasbench201", PAIR, 2).lower(IMAGE))
    mix, inputs = read["cell0_node1_from0_mix"]
    assert (mix.place, mix.options, mix.inputs) == ("normal.1.from0", 3, (1, 2))
    assert inputs == ["stem_norm", "cell0_node1_from0_conv3_norm"]
    assert read["cell0_node1_add"][1] == ["cell0_node1_from0_mix", "cell0_node1_from1_mix"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("operation", ["skip", "sep_conv3", "dil_conv5", "max_pool3", "conv1"])
def test_of_one_option_at_each_place_it_is_the_plain_network(form, operation):
    """With the weights of one the other gives the same, whatever the two are called."""
    spec = mixed_cells(form, (operation,), 1, norm="batch", cells=4)
    plain = spec.plain({choice.place: operation for choice in spec.choices})
    assert isinstance(plain, CellSpec)
    graphs = [spec.lower(IMAGE), with_plain_norms(plain.lower(IMAGE))]
    assert [tensor.shape for tensor in layout(graphs[0])] == [tensor.shape for tensor in layout(graphs[1])]
    x = torch.from_numpy(generator(0).normal(size=(3, 2, 9, 7))).float()
    torch.testing.assert_close(*(build(graph)(x) for graph in graphs))


def test_with_all_shares_on_one_option_it_is_that_option():
    spec = mixed_cells("darts", PAIR, 2)
    one = spec.keeping({choice.place: [2] for choice in spec.choices})
    model = build(spec.lower(IMAGE))
    state = dict(model.named_parameters())
    alone = build(one.lower(IMAGE))
    with torch.no_grad():
        for name, parameter in alone.named_parameters():
            parameter.copy_(state[name])
    set_shares(model, {choice.place: torch.tensor([0.0, 0.0, 1.0]).unbind() for choice in spec.choices})
    x = torch.from_numpy(generator(0).normal(size=(3, 2, 9, 7))).float()
    torch.testing.assert_close(model(x), alone(x))


# ------------------------------------------------------------ partial channels


def test_one_channel_of_so_many_goes_through_the_operations():
    whole, partial = (mixed_cells("nasbench201", ("skip", "conv3"), 1, channels=8, partial=k) for k in (1, 4))
    shapes = [{t.name: t.shape for t in layout(spec.lower(IMAGE))} for spec in (whole, partial)]
    name = "cell0_node0_from0_conv3.weight"
    assert [found[name] for found in shapes] == [(8, 8, 3, 3), (2, 2, 3, 3)]
    read = reading(partial.lower(IMAGE))
    assert read["cell0_node0_from0_joined"][1] == ["cell0_node0_from0_mix", "cell0_part0_rest"]
    assert read["cell0_node0_from0_shuffled"][0].groups == 4
    assert (read["cell0_part0"][0].first, read["cell0_part0"][0].count) == (0, 2)
    assert (read["cell0_part0_rest"][0].first, read["cell0_part0_rest"][0].count) == (2, 6)


def test_what_goes_by_is_halved_where_the_operations_halve():
    read = reading(mixed_cells("darts", ("skip", "conv3"), 2, partial=2).lower(IMAGE))
    # cells 1 and 2 reduce, where edges from inputs have a stride, and those from nodes none
    assert read["cell1_part0_halved"][0].op == "max_pool"
    assert read["cell1_node1_from2_joined"][1] == ["cell1_node1_from2_mix", "cell1_part2_rest"]
    assert "cell0_part0_halved" not in read


def test_with_skips_alone_partial_channels_only_change_places():
    spec = mixed_cells("nasbench201", ("skip",), 1, channels=4, partial=2)
    graph = spec.lower(Task((2, 8), Classification(2)))
    model = build(graph)
    found = {}
    for name in ("stem_norm", "cell0_node0_from0_shuffled"):
        model.get_submodule(name).register_forward_hook(lambda *values, name=name: found.update({name: values[-1]}))
    model(torch.from_numpy(generator(0).normal(size=(3, 2, 8))).float())
    before, after = found.values()
    torch.testing.assert_close(after, before[:, [0, 2, 1, 3]])


# ------------------------------------------------------------ what is refused


def choices(*edges, options=("skip", "conv3")):
    return tuple(Choice(place_of(*edge), options) for edge in edges)


FRAME = CellSpec("nasbench201", [[(0, "skip")]], cells=3, channels=6)


@pytest.mark.parametrize(
    "found",
    [
        (),
        choices(("normal", 0, 0), ("normal", 1, 0)),
        choices(("normal", 0, 0), ("normal", 1, 1), ("normal", 1, 0)),
        choices(("reduction", 0, 0)),
        choices(("normal", 0, 1)),
        choices(*(("normal", node, source) for node in range(7) for source in range(node + 1))),
    ],
)
def test_edges_that_are_not_all_are_refused(found):
    with pytest.raises(SpecError, match="The places of mixed cells are all edges of 1 to 6 nodes, in order"):
        MixedSpec(FRAME, found)


def test_an_edge_without_any_operation_is_refused():
    with pytest.raises(SpecError, match=r"normal.0.from0 must have an option that is not none"):
        MixedSpec(FRAME, choices(("normal", 0, 0), options=("none",)))


def test_channels_are_a_multiple_of_their_part():
    assert MixedSpec(FRAME, choices(("normal", 0, 0)), 3).partial == 3
    with pytest.raises(SpecError, match="channels must be a multiple of partial=4, got 6"):
        MixedSpec(FRAME, choices(("normal", 0, 0)), 4)


def test_a_vector_has_no_cells():
    with pytest.raises(SpecError, match="Cells work on a sequence or an image"):
        MixedSpec(FRAME, choices(("normal", 0, 0))).lower(Task((4,), Classification(2)))


# ------------------------------------------------------------ what it comes to


def test_edges_that_are_not_chosen_are_not_read():
    spec = mixed_cells("darts", ("none", "skip", "conv3"), 2)
    chosen = {
        **{"normal.0.from0": "skip", "normal.0.from1": "conv3", "normal.1.from1": "conv3", "normal.1.from2": "skip"},
        **{"reduction.0.from0": "skip", "reduction.0.from1": "skip", "reduction.1.from0": "conv3"},
        "reduction.1.from2": "conv3",
    }
    assert spec.plain(chosen) == CellSpec(
        "darts",
        [[(0, "skip"), (1, "conv3")], [(1, "conv3"), (2, "skip")]],
        [[(0, "skip"), (1, "skip")], [(0, "conv3"), (2, "conv3")]],
        cells=3,
        channels=4,
    )


def test_what_leads_nowhere_is_no_spec():
    spec = mixed_cells("nasbench201", ("none", "skip"), 1)
    with pytest.raises(SpecError, match="must read the cell before it"):
        spec.plain({"normal.0.from0": "none"})
