"""The code of each operation and of each space, run and compared with the modules that it is written from."""

import ast
import importlib.util
import re

import numpy as np
import pytest
import torch
from torch.nn import functional

from common.architecture import operations as ops
from common.architecture.graph import HEAD, INPUT, GraphBuilder
from common.architecture.initial import initial_weights
from common.architecture.layout import layout
from common.models.builder import build
from common.models.operations import OPERATIONS as MODULES
from common.preprocessing.scaling import Scaling
from common.seeding import generator
from server_app.export.source import source_of
from server_app.export.statements import OPERATIONS
from tests.common.models.test_operations import CASES as CASES_OF_MODULES
from tests.support.graphs import branched, gated
from tests.support.kinds import CASES, NO_NETWORKS, TASKS, kind_of, space_of

CLOSE = {"rtol": 1e-6, "atol": 1e-6}
STANDARDISE = [
    (ops.Standardise(Scaling((1.0, -2.0, 0.5), (2.0, 0.0, 0.1))), [shape]) for shape in ((3,), (3, 9), (3, 9, 8))
]
OF_OPERATIONS = [*CASES_OF_MODULES, *STANDARDISE]
GAPS = [ops.Standardise(Scaling((1.0, -2.0), (2.0, 0.1)), gaps=True), ops.Standardise(Scaling.as_is(2), gaps=True)]
NETWORKS = [case for case in CASES if kind_of(case[0]) not in NO_NETWORKS]
HEADER = "import torch\nfrom torch import Tensor, nn\nfrom torch.nn import functional as F\n"


def loaded(source, tmp_path):
    """The network of a source, as somebody without this project would have it."""
    path = tmp_path / "written.py"
    path.write_text(HEADER + source.pieces + "\n\n\n" + source.network + "\n")
    found = importlib.util.spec_from_file_location("written", path)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    network = module.Network()
    network.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in source.tensors.items()})
    return network.eval()


def moved(graph, seed):
    """Weights of which none is at its start, such as the zeros and ones of a batch norm's statistics."""
    rng = generator(seed, "moved")
    weights = initial_weights(graph, rng)
    weights += 0.1 * rng.random(len(weights), np.float32)
    return weights


def compare(graph, tmp_path, seed=0, readout=None):
    weights = moved(graph, seed)
    network, ours = loaded(source_of(graph, weights, readout), tmp_path), build(graph, weights).eval()
    x = torch.from_numpy(generator(seed, "x").standard_normal((3, *graph.input_shape)).astype(np.float32))
    with torch.no_grad():
        found, wanted = network(x), ours(x)
    assert wanted.isfinite().all()
    torch.testing.assert_close(found, wanted, **CLOSE)
    return network, x


def alone(operation, shapes):
    """A graph of one operation, which reads parts of a vector as inputs of these shapes, or the input where it fits."""
    network = GraphBuilder(shapes[0])
    entering = [INPUT]
    for place, shape in enumerate(shapes[1:]):
        source = INPUT
        if shape[:1] != shapes[0][:1] and len(shape) > 1:
            source = network.add(f"input{place}", ops.Convolution(shape[0], 1), source)
        elif len(shape) == 1 < len(shapes[0]):
            source = network.add(f"input{place}", ops.GlobalPool("max"), source)
        elif shape != shapes[0]:
            source = network.add(f"input{place}", ops.Linear(shape[0]), source)
        entering.append(source)
    last = network.add("it", operation, *entering)
    if len(network.shape(last)) > 1:
        last = network.add("vector", ops.Flatten(), last)
    network.add(HEAD, ops.Linear(3), last)
    return network.graph()


def test_each_operation_can_be_written():
    assert OPERATIONS.keys() == MODULES.keys()
    assert {operation.op for operation, _ in OF_OPERATIONS} == MODULES.keys()


@pytest.mark.parametrize(("operation", "shapes"), OF_OPERATIONS, ids=str)
def test_an_operation_as_code_does_what_its_module_does(operation, shapes, tmp_path):
    compare(alone(operation, shapes), tmp_path)


@pytest.mark.parametrize("operation", GAPS, ids=["scaled", "as they are"])
def test_gaps_become_0_and_what_is_not_clipped_is_not(operation, tmp_path):
    graph = alone(operation, [(2,)])
    weights = moved(graph, 0)
    network, ours = loaded(source_of(graph, weights, None), tmp_path), build(graph, weights).eval()
    x = torch.tensor([[1.0, torch.nan], [torch.nan, torch.nan], [1000.0, -1000.0]])
    with torch.no_grad():
        found, wanted = network(x), ours(x)
    assert torch.isfinite(wanted).all()
    torch.testing.assert_close(found, wanted, **CLOSE)


@pytest.mark.parametrize("case", NETWORKS, ids=" on ".join)
def test_a_network_of_each_space_as_code_does_what_it_does(case, tmp_path):
    space, rng = space_of(*case), generator(0, "source", *case)
    for seed in range(4):
        compare(space.sample(rng).lower(TASKS[case[1]]), tmp_path, seed)


@pytest.mark.parametrize("graph", [branched(), gated()], ids=["branched", "gated"])
def test_values_that_are_read_later_stay(graph, tmp_path):
    compare(graph, tmp_path)


def test_the_state_of_the_class_is_the_state_of_the_network_under_its_names():
    graph = branched()
    weights = moved(graph, 0)
    tensors = source_of(graph, weights, None).tensors
    assert list(tensors) == [info.name for info in layout(graph)]
    np.testing.assert_array_equal(np.concatenate([array.ravel() for array in tensors.values()]), weights)


def test_outputs_in_the_units_of_targets(tmp_path):
    network = GraphBuilder((4,))
    network.add(HEAD, ops.Linear(2), INPUT)
    graph, weights = network.graph(), moved(network.graph(), 0)
    source = source_of(graph, weights, {"mean": [100.0, -3.0], "scale": [20.0, 0.5]})
    x = torch.ones(2, 4)
    tensors = {name: torch.from_numpy(array) for name, array in source.tensors.items()}
    with torch.no_grad():
        plain = functional.linear(x, tensors["classifier.weight"], tensors["classifier.bias"])
        wanted = plain * torch.tensor([20.0, 0.5]) + torch.tensor([100.0, -3.0])
        torch.testing.assert_close(loaded(source, tmp_path)(x), wanted)


@pytest.mark.parametrize("name", ["x", "inputs", "torch", "class", "zwei worte", "Network", "load", "readout", "len"])
def test_names_that_python_has_another_use_for(name, tmp_path):
    network = GraphBuilder((4,))
    odd = network.add(name, ops.Linear(4), INPUT)
    twice = network.add("twice", ops.Add(), odd, network.add("more", ops.Activation("relu"), odd))
    network.add(HEAD, ops.Linear(2), twice)
    compare(network.graph(), tmp_path)


def test_it_is_written_as_a_person_would():
    lines = source_of(gated(), moved(gated(), 0), None).network.splitlines()
    assert [line.strip() for line in lines[lines.index("    def forward(self, x: Tensor) -> Tensor:") :]] == [
        "def forward(self, x: Tensor) -> Tensor:",
        "features = self.features(x)  # (n, 16, 32, 32)",
        "x = features.flatten(2).mean(2)  # (n, 16)",
        "x = self.excite(x)  # (n, 16)",
        "x = torch.sigmoid(x)  # (n, 16)",
        "x = gated(features, x)  # (n, 16, 32, 32)",
        "return self.classifier(x.flatten(2).mean(2))",
    ]


@pytest.mark.parametrize("case", NETWORKS, ids=" on ".join)
def test_nothing_is_in_the_file_that_is_not_used(case):
    space, rng = space_of(*case), generator(1, "source", *case)
    graph = space.sample(rng).lower(TASKS[case[1]])
    source = source_of(graph, moved(graph, 0), None)
    defined = [node.name for node in ast.parse(source.pieces).body]
    assert all(re.search(rf"\b{name}\(", source.network) for name in defined)
    assert "noqa" not in source.pieces
