"""A graph with real branches, written by hand: what no chain of layers can be."""

from common.architecture.graph import HEAD, INPUT, Graph, GraphBuilder
from common.architecture.operations import Activation, Add, Convolution, Dropout, GlobalPool, GroupNorm, Linear
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
