"""The entropy of a network's features, by its structure alone.

X. Shen et al., "DeepMAD: Mathematical Architecture Design for Deep Convolutional Neural Network", CVPR 2023;
by stages, as the entropy term in the fitness of B. Khan and M. Daneshtalab, "DeepFedNAS", arXiv:2601.15127, 2026:

    H = sum over stages of  log(r^2 c) * sum over the stage's layers of log(c_in k^2 / g)

with c channels of r x r pixels at the end of a stage, and c_in k^2 / g inputs that meet in one output of a layer with
kernels of k x k in g groups.

What we do differently: a stage is all layers whose outputs have the same extents of space, so that any graph has some;
what space there is, of one axis or none, takes the place of r^2; of a layer with several weights (attention, GRU) each
counts. Stages weigh the same. The head is no layer, for every network has it. DeepFedNAS adds terms for depth and
widths that its own supernet needs.
"""

from __future__ import annotations

import math
from collections import defaultdict

from common.architecture.graph import Graph, Node


def score(graph: Graph) -> float:
    """Return the entropy of a network; 0 without a layer between its input and its head."""
    inputs: dict[tuple[int, ...], float] = defaultdict(float)
    size: dict[tuple[int, ...], int] = {}
    for node in graph.nodes[:-1]:
        if met := _inputs_that_meet(graph, node):
            stage = node.output_shape[1:]
            inputs[stage] += math.fsum(map(math.log, met))
            size[stage] = math.prod(node.output_shape)
    return math.fsum(math.log(size[stage]) * inputs[stage] for stage in size)


def _inputs_that_meet(graph: Graph, node: Node) -> list[int]:
    """Return for each weight of a node how many inputs meet in one output; its first axis is that of the outputs."""
    tensors = node.operation.tensors(*graph.entering(node))
    return [math.prod(tensor.shape[1:]) for tensor in tensors if tensor.trainable and len(tensor.shape) > 1]
