from itertools import chain

from common.architecture.cost import cost_of
from server_app.show.parts import parts_of


def test_the_parts_hold_each_node_once_and_add_up(network):
    parts = parts_of(network)
    assert list(chain.from_iterable(part.nodes for part in parts)) == list(range(len(network.nodes)))
    cost = cost_of(network)
    assert sum(part.parameters for part in parts) == cost.parameters
    assert sum(part.macs for part in parts) == cost.macs
    assert parts[-1].output_shape == network.nodes[-1].output_shape


def test_nodes_of_a_layer_are_one_part_with_its_costs(joined):
    parts = {part.name: part for part in parts_of(joined)}
    layers = [f"layer{index}" for index in range(5)]
    assert list(parts) == ["scaling", "join", *layers, "classifier"]
    first = parts["layer0"]
    assert first.output_shape == (8, 32)
    assert first.parameters == 8 * 9 * 5 + 8 + 2 * 8  # convolution, and scale and shift of its norm
    assert first.macs == 32 * 8 * 9 * 5
    third = parts["layer2"]
    assert third.parameters == 12 * 8 * 3 + 12 + 2 * 12 + 12 * 8  # running statistics are none
    assert third.macs == 16 * 12 * 8 * 3 + 16 * 12 * 8


def test_a_part_says_what_it_does_and_what_it_reads_from_elsewhere(joined):
    parts = {part.name: part.what for part in parts_of(joined)}
    assert parts["layer2"] == (
        "convolution 12 k3, batch norm, relu, dropout 0.1, average to 16 (layer0), convolution 12 k1 no bias, add"
    )
    assert "concatenate (join)" in parts["layer4"]
    assert "average to 8 (scaling)" in parts["layer3"]  # the scaled input
    assert parts["layer1"] == "max pool 2 s2"
