"""How much memory a job takes at its peak, estimated without torch and rather too high than too low.

Counted is what one job allocates (its weights as they arrive and as they are trained, gradients, the optimizer's
moments, the activations of one mini-batch, oneDNN's copies of them and its code for each convolution) and what the C
library does not give back at once. Not counted is what a node holds in any case (Python with torch and Flower, some
300 MB; its examples, which training has twice more, in this epoch's order and the last one's), nor the weights of the
other jobs of the same message.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from common.architecture.graph import INPUT, Graph
from common.architecture.layout import layout, state_size
from common.architecture.operations import Operation
from common.architecture.tensors import Shape
from common.settings import TrainingSettings

SCORING_BATCH = 512
"""Examples that are scored at a time."""

_BYTES = 4
_PASSING = 4
"""Tensors of the size of the largest one that live for a moment in training: gradients of activations on their way
back, and a convolution's input and output in the order that oneDNN wants."""

_KEPT_IN_TRAINING, _KEPT_IN_SCORING = 6, 4
"""Tensors of the size of the largest one that lie freed in the C library's heap, in pieces where none fits again."""
_HEAP = 2**25
"""Bytes of a tensor above which glibc returns it at once: its largest ``M_MMAP_THRESHOLD``."""

_CODE, _CODE_OF_CONVOLUTION = 2**21, 5 * 2**18
"""Bytes of the code that oneDNN compiles: for anything, and more for each convolution."""

_Sizes = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""Numbers of one example that a node reads, makes in its forward pass, and copies meanwhile."""


def peak_memory(graph: Graph, training: TrainingSettings) -> int:
    """Return the bytes that training or scoring a network takes on a node, whichever takes more.

    Parameters
    ----------
    graph : Graph
        What is built.
    training : TrainingSettings
        Mini-batch and optimizer.

    Notes
    -----
    With P numbers in the packed state and B examples in a mini-batch, training is taken to need
    ``P (4 + moments + proximal) + B (input + every tensor that the forward pass makes + passing)``: the received
    weights, the model, its gradients and their contiguous copies; 2 moments with Adam, 1 with momentum; 2 more with
    FedProx (the start, and the distance to it). All that the forward pass makes is taken to be kept for the backward
    pass, though some of it is not. Passing is 4 times the largest tensor, or for a convolution with few channels the
    gradients of what enters and leaves it, and oneDNN's copies (`Operation.copies`), the larger one twice. Scoring has
    a batch of 512 and holds, beside the input, what later nodes read, for as long as they do, and what one node reads,
    makes and copies.

    On top comes what the C library keeps of freed tensors, 6 times the largest in training and 4 times in scoring, but
    of no more than 32 MiB each, since what is larger goes back to the system at once; and 2 MiB of code, 1.25 MiB more
    for each convolution. These are measured, as ``tests/benchmarks/memory.py`` does: of 350 networks drawn at
    random, on 1 to 8 threads, with AVX-512 and with AVX2, one took more than estimated, by 1.1 MiB. In the median the
    estimate is 1.8 times what training takes and 2.3 times what scoring takes: how the heap falls to pieces is chance.

    That is torch with oneDNN, as in its wheels for x86-64 and 64-bit ARM, on Linux with glibc; a build without oneDNN
    unfolds the inputs of convolutions and takes more.
    """
    return max(training_memory(graph, training), scoring_memory(graph))


def training_memory(graph: Graph, training: TrainingSettings) -> int:
    """Return the bytes that training takes; see `peak_memory`."""
    moments = {"adam": 2, "sgd": 1 if training.momentum else 0}[training.optimizer]
    weights = 4 + moments + (2 if training.proximal_mu else 0)
    nodes = [(read, do.made(*shapes), do.copies(*shapes)) for do, shapes, read in _read(graph)]
    every = [size for _, made, _ in nodes for size in made]
    copied = [sum((*read, *made, *copies)) + max(copies) for read, made, copies in nodes if copies]
    passing = max([_PASSING * max(every), *copied])
    loss = 2 * math.prod(graph.nodes[-1].output_shape)
    example = math.prod(graph.input_shape) + sum(every) + loss + passing
    numbers = weights * state_size(layout(graph)) + training.batch_size * example
    return _BYTES * numbers + _held(nodes, training.batch_size, _KEPT_IN_TRAINING)


def scoring_memory(graph: Graph) -> int:
    """Return the bytes that scoring takes; see `peak_memory`."""
    nodes = [(read, do.scored(*shapes), do.copies(*shapes)) for do, shapes, read in _read(graph)]
    at_once = max(max(read) + sum((*made, *copies)) for read, made, copies in nodes)
    example = math.prod(graph.input_shape) + _waiting(graph) + at_once
    numbers = 2 * state_size(layout(graph)) + SCORING_BATCH * example
    return _BYTES * numbers + _held(nodes, SCORING_BATCH, _KEPT_IN_SCORING)


def _read(graph: Graph) -> Iterator[tuple[Operation, tuple[Shape, ...], tuple[int, ...]]]:
    """Yield each operation with the shapes that it reads, and their sizes."""
    for node in graph.nodes:
        shapes = graph.entering(node)
        yield node.operation, shapes, tuple(map(math.prod, shapes))


def _held(nodes: list[_Sizes], batch: int, kept: int) -> int:
    """Return the bytes that no tensor holds: of freed ones, and of code."""
    largest = _BYTES * batch * max(size for _, made, _ in nodes for size in made)
    convolutions = sum(bool(copies) for _, _, copies in nodes)
    return kept * min(_HEAP, largest) + _CODE + _CODE_OF_CONVOLUTION * convolutions


def _waiting(graph: Graph) -> int:
    """Return the most numbers of one example that wait, while a node is computed, beside one that it reads.

    That one is among the tensors that live for a moment; all others count for as long as a node reads them.
    """
    sizes = [math.prod(node.output_shape) for node in graph.nodes]
    most = waiting = 0
    for size, done in zip(sizes, graph.released(), strict=True):
        read = [sizes[index] for index in done if index != INPUT]
        most = max(most, waiting - max(read, default=0))
        waiting += size - sum(read)
    return most
