"""Cells as they are drawn, changed and counted."""

from __future__ import annotations

import pytest

from common.architecture.kinds.cells import FORMS, canonical
from common.errors import SpecError
from common.seeding import generator
from server_app.spaces.base import drawn_by
from server_app.spaces.cell_wirings import Wirings

DARTS, NAS_BENCH_201 = FORMS["darts"], FORMS["nasbench201"]


def edges(cell):
    return {(node, *edge) for node, edges in enumerate(cell) for edge in edges}


@pytest.mark.parametrize(
    ("form", "nodes", "ways"),
    # edges of 2 operations: 2; then 3 and 6 pairs of places; or 1 + 2 + 3 + 4 edges
    [(DARTS, 3, 2**2 * 3 * 2**2 * 6 * 2**2), (NAS_BENCH_201, 4, 2**10)],
)
def test_ways_to_write_a_cell(form, nodes, ways):
    wirings = Wirings(form, nodes, ("skip", "conv3"))
    assert wirings.ways == ways
    assert wirings.size == len(list(wirings)) <= ways


def test_all_cells_are_drawn_and_no_others():
    wirings, rng = Wirings(NAS_BENCH_201, 3, ("none", "conv1")), generator(0)
    assert {wirings.draw("", drawn_by(rng)) for _ in range(2000)} == set(wirings)


def test_a_mutant_differs_in_the_operation_or_the_source_of_one_edge():
    wirings, rng = Wirings(DARTS, 2, ("skip", "conv3")), generator(0)
    a, b = ((0, "skip"), (1, "conv3")), ((0, "skip"), (1, "skip"))
    assert canonical((b, a), DARTS) == (a, b)
    operations = [
        (((0, "conv3"), (1, "conv3")), b),
        (b, b),
        (a, ((0, "conv3"), (1, "skip"))),
        (a, a),
    ]
    sources = [(a, ((1, "skip"), (2, "skip"))), (a, ((0, "skip"), (2, "skip")))]
    expected = {canonical(cell, DARTS) for cell in (*operations, *sources)}
    assert {wirings.mutant((a, b), rng) for _ in range(200)} == expected


def test_a_cell_that_lacks_edges_can_get_them_again():
    wirings, rng = Wirings(NAS_BENCH_201, 3, ("none", "skip")), generator(0)
    cell, met = (((0, "skip"),),), set()
    for _ in range(300):
        cell = wirings.mutant(cell, rng)
        met.add(len(cell))
    assert met == {1, 2, 3}


def test_a_child_has_the_nodes_of_its_parents():
    wirings, rng = Wirings(NAS_BENCH_201, 3, ("conv1", "conv3")), generator(0)
    for _ in range(50):
        a, b = wirings.draw("", drawn_by(rng)), wirings.draw("", drawn_by(rng))
        child = wirings.child(a, b, rng)
        # Two nodes are read by the last, one by the other: their order is fixed, so nodes stay where they were.
        assert all(node in (a[index], b[index]) for index, node in enumerate(child))


def test_encodings_have_a_one_for_each_edge():
    wirings = Wirings(DARTS, 3, ("none", "skip", "conv3"))
    cell = canonical((((0, "skip"), (1, "conv3")), ((2, "skip"),)), DARTS)
    row = wirings.encode(cell)
    assert len(row) == (2 + 3 + 4) * 2  # places to read from, without none
    assert sum(row) == len(edges(cell)) == 3
    assert len({tuple(wirings.encode(cell)) for cell in Wirings(DARTS, 2, ("none", "skip", "conv3"))}) == sum(
        1 for _ in Wirings(DARTS, 2, ("none", "skip", "conv3"))
    )


def test_what_is_not_offered_is_refused():
    full = Wirings(DARTS, 1, ("skip",))
    full.check("normal", (((0, "skip"), (1, "skip")),))
    with pytest.raises(SpecError, match="have 1 nodes with all their edges"):
        full.check("normal", (((1, "skip"),),))
    with pytest.raises(SpecError, match="The normal cell: the space offers skip, got 'conv3'"):
        full.check("normal", (((0, "skip"), (1, "conv3")),))
