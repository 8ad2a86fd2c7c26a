"""How much memory a job takes at its peak, estimated without torch and rather too high than too low.

Counted is what one job allocates: its weights as they arrive and as they are trained, gradients, the optimizer's
moments, and the activations of one mini-batch. Not counted is what a node holds in any case (Python with torch and
Flower, some 300 MB; its examples), nor the weights of the other jobs of the same message.
"""

from __future__ import annotations

import math

from common.architecture.graph import INPUT, Graph
from common.architecture.layout import layout, state_size
from common.settings import TrainingSettings

SCORING_BATCH = 512
"""Examples that are scored at a time."""

_BYTES = 4
_PASSING = 4
"""Tensors of the size of the largest one that live for a moment: gradients of activations on their way back, and a
convolution's input and output in the order that oneDNN wants."""


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
    ``P (4 + moments + proximal) + B (input + every tensor that the forward pass makes + 4 times the largest)``: the
    received weights, the model, its gradients and their contiguous copies; 2 moments with Adam, 1 with momentum; 2
    more with FedProx (the start, and the distance to it). All that the forward pass makes is taken to be kept for the
    backward pass, though some of it is not. Scoring has a batch of 512 and keeps, beside the input, what later nodes
    read, for as long as they do. Torch's memory of convolutions is that with oneDNN, as in its wheels for x86-64 and
    64-bit ARM; a build without it unfolds their inputs and takes more.
    """
    return _BYTES * max(_training(graph, training), _scoring(graph))


def _training(graph: Graph, training: TrainingSettings) -> int:
    moments = {"adam": 2, "sgd": 1 if training.momentum else 0}[training.optimizer]
    copies = 4 + moments + (2 if training.proximal_mu else 0)
    made = _made(graph)
    loss = 2 * math.prod(graph.nodes[-1].output_shape)
    example = math.prod(graph.input_shape) + sum(made) + loss + _PASSING * max(made)
    return copies * state_size(layout(graph)) + training.batch_size * example


def _scoring(graph: Graph) -> int:
    example = math.prod(graph.input_shape) + _waiting(graph) + _PASSING * max(_made(graph))
    return 2 * state_size(layout(graph)) + SCORING_BATCH * example


def _made(graph: Graph) -> list[int]:
    """Return the sizes, for one example, of all tensors that the forward pass of training makes."""
    return [size for node in graph.nodes for size in node.operation.made(*graph.entering(node))]


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
