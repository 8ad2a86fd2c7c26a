"""How much memory a job takes at its peak, estimated without torch and rather too high than too low.

Counted is what one job allocates (its weights as they arrive and as they are trained, gradients, the optimizer's
moments, the activations of one mini-batch, oneDNN's copies of them and its code for each convolution) and what the C
library does not give back at once. Not counted is what a node holds in any case (Python with torch and Flower, some
300 MB; its examples, which training has twice more, in this epoch's order and the last one's), nor the weights of the
other jobs of the same message.
"""

from __future__ import annotations

import math

from common.architecture.activations import live_numbers, saved_bytes
from common.architecture.graph import Graph
from common.architecture.layout import layout, state_size
from common.settings import TrainingSettings

SCORING_BATCH = 512
"""Examples that are scored at a time."""

_BYTES = 4
_PASSING = 4
"""Tensors of the size of the largest one that live for a moment in training: gradients of activations on their way
back, and a convolution's input and output in the order that oneDNN wants."""

_AHEAD = 3
"""Arrays of the size of the weights that an architecture's gradient of second order takes."""

_KEPT_IN_TRAINING, _KEPT_IN_SCORING = 6, 4
"""Tensors of the size of the largest one that lie freed in the C library's heap, in pieces where none fits again."""
_HEAP = 2**25
"""Bytes of a tensor above which glibc returns it at once: its largest ``M_MMAP_THRESHOLD``."""

_CODE, _CODE_OF_CONVOLUTION = 2**21, 5 * 2**18
"""Bytes of the code that oneDNN compiles: for anything, and more for each convolution."""


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
    ``P (4 + moments + proximal) + B (input + loss + passing)`` numbers and the bytes that autograd saves
    (`common.architecture.activations.saved_bytes`): the received weights, the model, its gradients and their contiguous
    copies; 2 moments with Adam, 1 with momentum; 2 more with FedProx (the start, and the distance to it); 3 more of a
    mixed spec, whose architecture may look a step ahead (the weights, that step, and the gradients there). Passing is 4
    times the largest tensor, or for a convolution with few channels the gradients of what enters and leaves it, and
    oneDNN's copies (`Operation.copies`), the larger one twice. Scoring has a batch of 512 and holds, beside the input,
    what lives while a node works (`live_numbers`) and oneDNN's copies.

    On top comes what the C library keeps of freed tensors, 6 times the largest in training and 4 times in scoring, but
    of no more than 32 MiB each, since what is larger goes back to the system at once; and 2 MiB of code, 1.25 MiB more
    for each convolution. How the heap falls to pieces is chance, so this is rather too much than too little;
    ``tests/benchmarks/memory.py`` prints the ratio to what processes really take.

    That is torch with oneDNN, as in its wheels for x86-64 and 64-bit ARM, on Linux with glibc; a build without oneDNN
    unfolds the inputs of convolutions and takes more.
    """
    return max(training_memory(graph, training), scoring_memory(graph))


def training_memory(graph: Graph, training: TrainingSettings) -> int:
    """Return the bytes that training takes; see `peak_memory`."""
    moments = {"adam": 2, "sgd": 1 if training.momentum else 0}[training.optimizer]
    mixed = any(node.operation.op == "mix" for node in graph.nodes)
    weights = 4 + moments + (2 if training.proximal_mu else 0) + (_AHEAD if mixed else 0)
    loss = 2 * math.prod(graph.nodes[-1].output_shape)
    example = math.prod(graph.input_shape) + loss + _passing(graph)
    numbers = weights * state_size(layout(graph)) + training.batch_size * example
    return (
        _BYTES * numbers
        + saved_bytes(graph, training.batch_size)
        + _held(graph, training.batch_size, _KEPT_IN_TRAINING)
    )


def scoring_memory(graph: Graph) -> int:
    """Return the bytes that scoring takes; see `peak_memory`."""
    copied = (sum(node.operation.copies(*graph.entering(node))) for node in graph.nodes)
    example = math.prod(graph.input_shape) + max(map(sum, zip(live_numbers(graph), copied, strict=True)))
    numbers = 2 * state_size(layout(graph)) + SCORING_BATCH * example
    return _BYTES * numbers + _held(graph, SCORING_BATCH, _KEPT_IN_SCORING)


def _passing(graph: Graph) -> int:
    """Return the numbers of one example that live for a moment in training."""
    most = _PASSING * _largest(graph)
    for node in graph.nodes:
        shapes = graph.entering(node)
        if copies := node.operation.copies(*shapes):
            most = max(most, sum(map(math.prod, (*shapes, node.output_shape))) + sum(copies) + max(copies))
    return most


def _largest(graph: Graph) -> int:
    """Return the numbers of one example in the largest tensor that a node gives or keeps."""
    own = (size for node in graph.nodes for size in node.operation.saves(*graph.entering(node)).own)
    return max(*own, *(math.prod(node.output_shape) for node in graph.nodes), 0)


def _held(graph: Graph, batch: int, kept: int) -> int:
    """Return the bytes that no tensor holds: of freed ones, and of code."""
    largest = _BYTES * batch * _largest(graph)
    convolutions = sum(bool(node.operation.copies(*graph.entering(node))) for node in graph.nodes)
    return kept * min(_HEAP, largest) + _CODE + _CODE_OF_CONVOLUTION * convolutions
