from itertools import combinations
from xml.etree import ElementTree

import pytest

from common.architecture.cost import cost_of
from common.architecture.graph import INPUT
from server_app.show.svg import svg_of

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def picture(network):
    return ElementTree.fromstring(svg_of("a <title>", "words & more", network, 4))


def all_of(picture, name):
    return [element for element in picture.iter() if name in element.get("class", "").split()]


def test_every_node_is_there_with_its_shape(picture, network):
    nodes = {group.get("data-node"): group for group in all_of(picture, "node")}
    assert list(nodes) == ["input", *(node.name for node in network.nodes)]
    for node in network.nodes:
        words = [text.text for text in nodes[node.name].iter(f"{SVG}text")]
        assert words[1].split(" · ")[-1] == "x".join(map(str, node.output_shape))


def test_every_edge_is_there(picture, network):
    names = {INPUT: "input"} | {index: node.name for index, node in enumerate(network.nodes)}
    wanted = {(names[source], node.name) for node in network.nodes for source in node.inputs}
    found = [(edge.get("data-from"), edge.get("data-to")) for edge in all_of(picture, "edge")]
    assert sorted(found) == sorted(wanted)


def test_no_two_boxes_overlap(picture):
    boxes = []
    for group in all_of(picture, "node"):
        (rect,) = group.iter(f"{SVG}rect")
        x, y, width, height = (float(rect.get(name)) for name in ("x", "y", "width", "height"))
        boxes.append((x, y, x + width, y + height))
    for one, other in combinations(boxes, 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def test_title_description_and_costs_are_told(joined):
    picture = ElementTree.fromstring(svg_of("a <title>", "words & more", joined, 2))
    assert picture.find(f"{SVG}title").text.startswith("a <title>: ")
    assert picture.find(f"{SVG}desc").text == "words & more"
    texts = [text.text for text in picture.findall(f"{SVG}text")]
    assert texts[0] == "a <title>"
    cost = cost_of(joined)
    sent = 2 * (cost.parameters + cost.buffers)
    assert texts[1] == f"{cost.parameters:,} parameters · {cost.macs:,} MACs · {sent:,} bytes a message"


def test_the_same_network_gives_the_same_picture(network):
    assert svg_of("a", "b", network, 4) == svg_of("a", "b", network, 4)


def test_every_colour_has_another_one_on_dark_pages(picture):
    style = picture.find(f"{SVG}style").text
    assert "prefers-color-scheme: dark" in style
    coloured = [element for element in picture.iter() if (element.get("fill") or "").startswith("#")]
    parents = {child: parent for parent in picture.iter() for child in parent}
    for element in coloured:
        if element.tag != f"{SVG}text":
            classes = f"{element.get('class', '')} {parents[element].get('class', '')}".split()
            assert any(f".{name}" in style for name in classes), element.attrib
