"""Graphs that are written by hand: with real branches, as no chain of layers has them, and chains of operations."""

from common.architecture.graph import HEAD, INPUT, Graph, GraphBuilder
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Layer
from common.architecture.operations import (
    GRU,
    Activation,
    Add,
    AverageTo,
    AvgPool,
    BatchNorm,
    Concatenate,
    Convolution,
    Dropout,
    ExampleNorm,
    Flatten,
    GlobalPool,
    GroupNorm,
    LayerNorm,
    Linear,
    LogEnergy,
    MaxPool,
    Multiply,
    Operation,
    Positions,
    SelfAttention,
    Shuffle,
    Standardise,
)
from common.architecture.tensors import Shape
from common.preprocessing.scaling import Scaling
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


def everything(extents: Shape) -> Graph:
    """Return a network of nearly all operations on two scaled channels, over time or over both axes of an image."""
    network, width, axes = GraphBuilder((2, *extents)), 8, len(extents)
    scaled = network.add("scale", Standardise(Scaling((1.0, -2.0), (2.0, 0.5))), INPUT)
    x = network.add("stem", Convolution(width, 3, dilation=2), network.add("example", ExampleNorm(), scaled))
    x = network.add("place", Positions(), network.add("norm", GroupNorm(2), x))
    attending = network.add("attention", SelfAttention(2), network.add("attention_norm", LayerNorm(), x))
    x = network.add("attended", Add(), x, network.add("attention_dropout", Dropout(0.5), attending))
    x = network.add("depth", Convolution(width, 3, 2, depthwise=True, bias=False), x)
    x = network.add("depth_active", Activation("hard_swish"), network.add("depth_norm", BatchNorm(), x))
    gates = network.add("squeeze", Activation("relu"), network.add("excite", Linear(width), pooled(network, x, "avg")))
    x = network.add("gated", Multiply(), x, network.add("gates", Activation("hard_sigmoid"), gates))
    least, mean = network.add("most", MaxPool(3, 1, padded=True), x), network.add("mean", AvgPool(3, 1, padded=True), x)
    x = network.add("both", Concatenate(), least, network.add("active", Activation("gelu"), mean))
    x = network.add("shuffled", Shuffle(2), x)
    if axes == 1:
        x = network.add("recurrent", GRU(5), x)
    parts = [pooled(network, x, "log_std"), pooled(network, x, "max")]
    parts.append(network.add("flat", Flatten(), network.add("windows", AverageTo((4, 3)[:axes]), x)))
    if axes == 1:
        parts.append(network.add("energy", LogEnergy(3), scaled))
    x = network.add("plain", Activation("silu"), network.add("joined", Concatenate(), *parts))
    network.add(HEAD, Linear(3), network.add("last", Activation("tanh"), x))
    return network.graph()


def pooled(network: GraphBuilder, source: int, how: str) -> int:
    """Add a reduction over space."""
    return network.add(f"pool_{how}", GlobalPool(how), source)
