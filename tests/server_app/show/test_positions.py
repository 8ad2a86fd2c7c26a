from itertools import pairwise

import pytest

from common.architecture.graph import INPUT, GraphBuilder
from common.architecture.operations import Add, Linear
from server_app.show.parts import parts_of
from server_app.show.positions import BEND, edges_of, positions_of
from server_app.show.ranks import bands_of, ranks_of

GAP = 10.0


@pytest.fixture
def placed(network):
    ranks = ranks_of(network, bands_of(parts_of(network)))
    widths = {index: 40.0 + 7 * (index % 5) for index in ranks}
    return ranks, widths, positions_of(network, ranks, widths, GAP)


def test_neighbours_keep_the_gap(placed):
    ranks, widths, positions = placed
    rows = {rank: [] for rank in ranks.values()}
    for index, x in positions.nodes.items():
        rows[ranks[index]].append((x, widths[index]))
    for (source, _), bends in positions.bends.items():
        for rank, x in enumerate(bends, ranks[source] + 1):
            rows[rank].append((x, BEND))
    for row in rows.values():
        row.sort()
        for (x, width), (next_x, next_width) in pairwise(row):
            assert next_x - next_width / 2 - (x + width / 2) >= GAP - 1e-6


def test_all_lies_between_0_and_the_width(placed):
    _, widths, positions = placed
    ends = [(x - widths[index] / 2, x + widths[index] / 2) for index, x in positions.nodes.items()]
    ends += [(x - BEND / 2, x + BEND / 2) for bends in positions.bends.values() for x in bends]
    assert min(left for left, _ in ends) == pytest.approx(0)
    assert max(right for _, right in ends) == pytest.approx(positions.width)


def test_an_edge_has_a_bend_in_each_rank_that_it_passes(placed, network):
    ranks, _, positions = placed
    assert list(positions.bends) == edges_of(network)
    for (source, target), bends in positions.bends.items():
        assert len(bends) == ranks[target] - ranks[source] - 1


def test_a_chain_is_straight():
    network = GraphBuilder((3,))
    x = INPUT
    for name in ("a", "b", "classifier"):
        x = network.add(name, Linear(3), x)
    graph = network.graph()
    positions = positions_of(graph, {-1: 0, 0: 1, 1: 2, 2: 3}, dict.fromkeys(range(-1, 3), 50.0), GAP)
    assert set(positions.nodes.values()) == {25.0}


def test_a_node_that_reads_another_twice_has_one_edge_from_it():
    network = GraphBuilder((3,))
    first = network.add("a", Linear(3), INPUT)
    network.add("classifier", Linear(2), network.add("b", Add(), first, first))
    assert edges_of(network.graph()) == [(INPUT, 0), (0, 1), (1, 2)]
