"""Graphs that are written by hand: with real branches, as no chain of layers has them, and chains of operations."""

from common.architecture.graph import HEAD, INPUT, Graph, GraphBuilder
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Layer
from common.architecture.operations import (
    Activation,
    Add,
    Convolution,
    Dropout,
    GlobalPool,
    GroupNorm,
    Linear,
    Multiply,
    Operation,
)
from common.architecture.tensors import Shape
from common.tasks import Classification, Task

BRANCHED_TASK = Task((3, 6, 6), Classification(5))


def branched() -> Graph:
    """Return two parallel convolutions and a 1x1 one of the input, added; the sum is read twice, and its mean too."""
    network = GraphBuilder(BRANCHED_TASK.input_shape)
    small = network.add("small", Convolution(16, kernel=3), INPUT)
    large = network.add("large", Convolution(16, kernel=5), INPUT)
    plain = network.add("plain", Convolution(16, kernel=1, bias=False), INPUT)
    total = network.add("total", Add(), small, large, plain)
    norm = network.add("norm", GroupNorm(2), total)
    gate = network.add("gate", Activation("silu"), norm)
    joined = network.add("joined", Add(), gate, total)
    mean = network.add("mean", GlobalPool("avg"), joined)
    dropped = network.add("dropped", Dropout(0.25), mean)
    hidden = network.add("hidden", Linear(16), dropped)
    residual = network.add("residual", Add(), hidden, mean)
    network.add(HEAD, Linear(BRANCHED_TASK.head.output_width), residual)
    return network.graph()


def chain(shape: Shape, *operations: Operation) -> Graph:
    """Return these operations on a sequence or an image, one after the other, and a mean before the head."""
    network = GraphBuilder(shape)
    last = INPUT
    for index, operation in enumerate((*operations, GlobalPool("avg"))):
        last = network.add(f"node{index}", operation, last)
    network.add(HEAD, Linear(BRANCHED_TASK.head.output_width), last)
    return network.graph()


def gated() -> Graph:
    """Return a convolution whose channels are gated by their means: squeeze and excitation."""
    network = GraphBuilder((3, 32, 32))
    features = network.add("features", Convolution(16, kernel=3), INPUT)
    mean = network.add("mean", GlobalPool("avg"), features)
    gate = network.add("gate", Activation("sigmoid"), network.add("excite", Linear(16), mean))
    scaled = network.add("scaled", Multiply(), features, gate)
    network.add(HEAD, Linear(BRANCHED_TASK.head.output_width), network.add("pool", GlobalPool("avg"), scaled))
    return network.graph()


def lowered(layer: Layer, shape: Shape) -> Graph:
    """Return the graph of one layer, its mean over space where there is one, and a head."""
    return LayeredSpec((layer,), "avg").lower(Task(shape, Classification(2)))


def reading(graph: Graph) -> dict[str, tuple[Operation, list[str]]]:
    """Return each node's operation, and the names of what it reads."""
    names = [node.name for node in graph.nodes]
    return {node.name: (node.operation, [(*names, "input")[index] for index in node.inputs]) for node in graph.nodes}
