"""A graph whose norms learn nothing."""

from __future__ import annotations

from dataclasses import replace

from common.architecture.graph import Graph
from common.architecture.operations.base import Operation
from common.architecture.operations.norms import BatchNorm, GroupNorm, LayerNorm
from common.architecture.operations.plain_norms import PlainBatchNorm, PlainGroupNorm, PlainLayerNorm


def with_plain_norms(graph: Graph) -> Graph:
    """Return the graph with norms that have neither scale nor shift."""
    nodes = (replace(node, operation=_plain(node.operation)) for node in graph.nodes)
    return Graph(graph.input_shape, tuple(nodes))


def _plain(operation: Operation) -> Operation:
    if isinstance(operation, GroupNorm):
        return PlainGroupNorm(operation.groups)
    if isinstance(operation, LayerNorm):
        return PlainLayerNorm()
    return PlainBatchNorm() if isinstance(operation, BatchNorm) else operation
