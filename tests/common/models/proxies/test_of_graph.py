"""Scores of a graph alone, against what its layers come to by hand."""

import math
import subprocess
import sys
from pathlib import Path

import pytest

from common.architecture.cost import cost_of
from common.architecture.graph import Graph, GraphBuilder
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Conv2d, Linear
from common.architecture.operations import Linear as LinearMap
from common.models.proxies import OF_GRAPH, OF_NETWORK, PROXIES, entropy, graph_scores
from common.tasks import Classification, Task

ROOT = Path(__file__).parents[4]
IMAGES = Task((3, 8, 8), Classification(10))


def chain(*widths: int) -> Graph:
    """Linear maps without biases, the last of which is the head."""
    network, at = GraphBuilder(widths[:1]), -1
    for place, width in enumerate(widths[1:]):
        name = "classifier" if place == len(widths) - 2 else f"map{place}"
        at = network.add(name, LinearMap(width, bias=False), at)
    return network.graph()


def test_parameters_and_macs_are_those_of_the_cost():
    graph = LayeredSpec((Conv2d(4), Linear(7))).lower(IMAGES)
    cost = cost_of(graph)
    assert graph_scores(graph)["parameters"] == cost.parameters
    assert graph_scores(graph)["macs"] == cost.macs


def test_the_entropy_of_a_chain_of_linear_maps():
    # 3 and then 4 inputs meet in an output; 5 features at the end; the head, with 5 inputs, is no layer
    assert entropy.score(chain(3, 4, 5, 2)) == pytest.approx(math.log(5) * (math.log(3) + math.log(4)))


def test_the_entropy_of_two_stages_is_the_sum_of_theirs():
    spec = LayeredSpec((Conv2d(4), Conv2d(6, stride=2), Linear(7)), "avg")
    # 3 x 3 x 3 inputs, 8 x 8 x 4 features; 3 x 3 x 4 inputs, 4 x 4 x 6 features; 6 inputs, 7 features
    wanted = math.log(256) * math.log(27) + math.log(96) * math.log(36) + math.log(7) * math.log(6)
    assert entropy.score(spec.lower(IMAGES)) == pytest.approx(wanted)


def test_a_network_without_layers_has_no_entropy():
    assert entropy.score(chain(3, 2)) == 0


def test_depth_and_width_both_raise_the_entropy():
    narrow, wide, deep = (entropy.score(chain(3, *widths, 2)) for widths in ((8,), (16,), (8, 8)))
    assert narrow < wide
    assert narrow < deep


def test_each_score_has_a_module_of_its_own():
    folder = ROOT / "common" / "models" / "proxies"
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__", "network", "units"}
    assert set(PROXIES) == modules == {*OF_GRAPH, *OF_NETWORK}


def test_scores_of_a_graph_need_no_torch():
    code = "import sys, common.models.proxies; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
