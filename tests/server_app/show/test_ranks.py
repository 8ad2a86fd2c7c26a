from common.architecture.graph import INPUT
from server_app.show.parts import parts_of
from server_app.show.positions import edges_of
from server_app.show.ranks import bands_of, ranks_of
from tests.support.graphs import branched


def test_every_edge_leads_down_and_no_rank_is_empty(network):
    ranks = ranks_of(network, bands_of(parts_of(network)))
    assert all(ranks[source] < ranks[target] for source, target in edges_of(network))
    assert sorted(set(ranks.values())) == list(range(max(ranks.values()) + 1))
    assert ranks[INPUT] == 0


def test_bands_share_no_rank(network):
    bands = bands_of(parts_of(network))
    ranks = ranks_of(network, bands)
    held = [{ranks[node] for node in band.nodes} for band in bands]
    assert sum(map(len, held)) == max(ranks.values()) + 1


def test_a_part_of_several_nodes_has_a_frame_and_others_have_none(joined):
    bands = bands_of(parts_of(joined))
    framed = [band.part.name for band in bands if band.part]
    assert framed == ["join", "layer0", "layer2", "layer3", "layer4"]
    assert [len(band.nodes) for band in bands if not band.part] == [1, 1, 1, 1]  # input, scaling, layer1, classifier


def test_what_does_not_depend_on_each_other_stands_side_by_side():
    graph = branched()
    ranks = ranks_of(graph, bands_of(parts_of(graph)))
    assert [ranks[index] for index in range(4)] == [1, 1, 1, 2]  # three branches, and their sum
