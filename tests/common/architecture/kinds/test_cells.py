"""The one form of a cell, against all orders gone through one by one."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.architecture.kinds.cells import FORMS, MAX_NODES, NONE, canonical, parse_cell
from common.errors import SpecError
from tests.support.cells import another_order, cells

DARTS, NAS_BENCH_201 = FORMS["darts"], FORMS["nasbench201"]


def form_of(cell, form):
    """The one form, or None where there is none."""
    try:
        return canonical(cell, form)
    except SpecError:
        return None


def edges_between(cell, form):
    """Edges that lie on a path from an input to the output; None where none comes from the last input."""
    edges = {(s, t, op) for t, node in enumerate(cell, form.inputs) for s, op in node if op != NONE}
    last = form.inputs + len(cell) - 1
    while True:
        targets, sources = {t for _, t, _ in edges}, {s for s, _, _ in edges}
        kept = {
            (s, t, op)
            for s, t, op in edges
            if (s < form.inputs or s in targets) and (form.joins or t == last or t in sources)
        }
        if kept == edges:
            break
        edges = kept
    return edges if form.inputs - 1 in {s for s, _, _ in edges} else None


def signature(cell, form):
    """The least of all ways to number the nodes that are left, whatever the order; the last stays the last."""
    edges = edges_between(cell, form)
    if edges is None:
        return None
    nodes = sorted({t for _, t, _ in edges})
    free, fixed = (nodes, []) if form.joins else (nodes[:-1], nodes[-1:])
    ways = []
    for order in itertools.permutations(free):
        numbers = {node: number for number, node in enumerate([*range(form.inputs), *order, *fixed])}
        ways.append(sorted((numbers[s], numbers[t], op) for s, t, op in edges))
    return tuple(min(ways))


def written(form, nodes, operations):
    """All ways to write a cell of so many nodes with all their edges."""
    choices = []
    for index in range(form.inputs, form.inputs + nodes):
        count = min(form.edges, index)
        choices.append(
            [
                tuple(zip(sources, chosen, strict=True))
                for sources in itertools.combinations(range(index), count)
                for chosen in itertools.product(operations, repeat=count)
            ]
        )
    return itertools.product(*choices)


@pytest.mark.parametrize(
    ("form", "nodes", "operations", "ways"),
    [
        # nodes: 2 ** 2, 3 pairs of places x 2 ** 2, 6 x 2 ** 2
        (DARTS, 3, ("none", "skip"), 4 * 12 * 24),
        (DARTS, 3, ("skip", "conv3"), 4 * 12 * 24),
        (NAS_BENCH_201, 3, ("none", "skip", "conv1", "conv3", "avg_pool3"), 5**6),
        (NAS_BENCH_201, 4, ("none", "skip"), 2**10),
    ],
)
def test_two_cells_have_one_form_exactly_where_they_are_isomorphic(form, nodes, operations, ways):
    every = list(written(form, nodes, operations))
    assert len(every) == ways
    pairs = {(form_of(cell, form), signature(cell, form)) for cell in every}
    forms, signatures = ({pair[side] for pair in pairs} for side in (0, 1))
    assert len(pairs) == len(forms) == len(signatures)
    assert (None, None) in pairs or NONE not in operations


@given(st.data(), st.sampled_from([DARTS, NAS_BENCH_201]))
@settings(max_examples=300)
def test_the_order_in_which_a_cell_is_written_does_not_matter(data, form):
    cell = data.draw(cells(form))
    assert form_of(data.draw(another_order(cell, form)), form) == form_of(cell, form)


@given(st.data(), st.sampled_from([DARTS, NAS_BENCH_201]))
@settings(max_examples=200)
def test_the_one_form_is_its_own(data, form):
    found = form_of(data.draw(cells(form)), form)
    if found is not None:
        assert canonical(found, form) == found
        assert parse_cell("normal", found, form) == found
        assert all(edge[1] != NONE for node in found for edge in node)
        assert all(list(node) == sorted(node) for node in found)


def test_what_is_not_read_is_left_out():
    # 1 is none; 2 reads it and the input; 3 is read by nobody; 4 is the output.
    cell = (((0, "none"),), ((0, "conv3"), (1, "skip")), ((0, "conv1"),), ((2, "skip"),))
    assert canonical(cell, NAS_BENCH_201) == (((0, "conv3"),), ((1, "skip"),))


def test_of_six_nodes_that_are_alike_the_first_order_is_found():
    # Each reads both inputs alike, so all orders are the same.
    node = ((0, "skip"), (1, "skip"))
    assert canonical((node,) * MAX_NODES, DARTS) == (node,) * MAX_NODES


@pytest.mark.parametrize(
    ("cell", "form"),
    [
        ((((0, "none"),),), NAS_BENCH_201),
        ((((0, "conv3"),), ((0, "none"), (1, "none"))), NAS_BENCH_201),
        ((((0, "conv3"), (1, "none")),), DARTS),
        ((((0, "conv3"),), ((0, "skip"), (2, "skip"))), DARTS),
    ],
)
def test_a_cell_that_does_not_read_the_one_before_is_refused(cell, form):
    with pytest.raises(SpecError, match=f"must read the cell before it, which is its input {form.inputs - 1}"):
        canonical(cell, form)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (None, "normal must be a list of 1 to 6 nodes, got None"),
        ("skip", "normal must be a list of 1 to 6 nodes"),
        ([], "normal must be a list of 1 to 6 nodes"),
        ([[]] * 7, "normal must be a list of 1 to 6 nodes, got '7 of them'"),
        ([3], "normal node 0 must be a list of edges, 2 at most, got 3"),
        ([[[0, "skip"], [1, "skip"], [1, "skip"]]], "normal node 0 must be a list of edges, 2 at most"),
        ([[[0, "skip"], [0, "conv3"]]], "normal node 0 must read each place once"),
        ([["ab"]], "an edge must be a source and an operation, got 'ab'"),
        ([[[0]]], "an edge must be a source and an operation"),
        ([[[2, "skip"]]], "normal node 0 must read inputs or earlier nodes, 0 to 1, got 2"),
        ([[[-1, "skip"]]], "must read inputs or earlier nodes"),
        ([[[True, "skip"]]], "must read inputs or earlier nodes, 0 to 1, got True"),
        ([[[0, ["skip"]]]], "an operation must be one of none, skip"),
        ([[[0, "conv9"]]], "an operation must be one of none, skip"),
    ],
)
def test_what_is_odd_is_refused(values, message):
    with pytest.raises(SpecError, match=message):
        parse_cell("normal", values, DARTS)
