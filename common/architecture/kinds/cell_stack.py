"""How cells are stacked: from a cell spec to nodes of a graph.

As in the papers of DARTS (section 3.1 and appendix) and NAS-Bench-201 (section 2.1), each convolution being ReLU,
convolution, norm, without bias. It departs from them in this:

- Norm is group norm by default, with scale and shift; pooling in DARTS is followed by it too, with what it learns.
- A separable convolution is applied once; DARTS applies it twice.
- The stem is one convolution of `channels`, or several with stride 2; that of DARTS has three times the channels.
- Where something halves the extents that is no operation with a stride of its own (a skip, the cell before the last
  one, the shortcut of a residual block), windows of 3 are averaged with stride 2 before a 1x1 convolution: that works
  with odd extents, and with 1. DARTS puts two shifted convolutions side by side, NAS-Bench-201 averages windows of 2.
- An input that a cell does not read is not brought to its shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from common.architecture import operations as ops
from common.architecture.kinds.cells import FORMS, SKIP

if TYPE_CHECKING:
    from common.architecture.kinds.blocks import BlockBuilder
    from common.architecture.kinds.cell import CellSpec

E = TypeVar("E")
"""What an edge is: an operation, or what stands for several."""
Writer = Callable[["BlockBuilder", str, int, int, bool], "CellWriter[E]"]
"""Makes what adds one cell, of what `CellWriter` takes."""
Cell = Sequence[Sequence[tuple[int, E]]]
"""Nodes, each of which reads places through edges."""

_DILATION = 2


def add_stack(
    blocks: BlockBuilder, spec: CellSpec, writer: Writer[E], normal: Cell[E], reduction: Cell[E] | None = None
) -> int:
    """Add stem and cells, and return the node that gives the output of the last one.

    Parameters
    ----------
    blocks : BlockBuilder
        Where to.
    spec : CellSpec
        Which form, how many cells, and how wide.
    writer : callable
        Makes what adds a cell.
    normal, reduction : Cell
        What the writer adds.
    """
    stem = blocks.stem(spec.channels, spec.stem_strides, "relu")
    if FORMS[spec.form].reduces:
        assert reduction is not None
        return _add_darts(blocks, spec, stem, writer, normal, reduction)
    return _add_nas_bench_201(blocks, spec, stem, writer, normal)


def _reductions(spec: CellSpec) -> tuple[int, int]:
    return spec.cells // 3, 2 * spec.cells // 3


def _add_darts(
    blocks: BlockBuilder, spec: CellSpec, stem: int, writer: Writer[E], normal: Cell[E], reduction: Cell[E]
) -> int:
    before, x, channels = stem, stem, spec.channels
    for index in range(spec.cells):
        reduces = index in _reductions(spec)
        channels *= 2 if reduces else 1
        cell = writer(blocks, f"cell{index}", channels, 2 if reduces else 1, True)
        before, x = x, cell.add_darts(reduction if reduces else normal, before, x)
    return x


def _add_nas_bench_201(blocks: BlockBuilder, spec: CellSpec, x: int, writer: Writer[E], normal: Cell[E]) -> int:
    channels = spec.channels
    for index in range(spec.cells):
        if index in _reductions(spec):
            channels *= 2
            x = _add_residual(blocks, f"cell{index}", x, channels)
        else:
            x = writer(blocks, f"cell{index}", channels, 1, False).add_nodes(normal, [x])[-1]
    return blocks.activation("last_activation", blocks.normed("last", x), "relu")


def _add_residual(blocks: BlockBuilder, name: str, x: int, width: int) -> int:
    """Add the block that halves the extents between stages: two convolutions and a shortcut."""
    inner = blocks.activation(f"{name}_activation", x, "relu")
    inner = blocks.convolution(f"{name}_first", inner, width, 3, 2)
    inner = blocks.activation(f"{name}_first_activation", inner, "relu")
    inner = blocks.convolution(f"{name}_second", inner, width, 3)
    shortcut = blocks.halved(f"{name}_halved", x)
    shortcut = blocks.network.add(f"{name}_shortcut", ops.Convolution(width, 1, bias=False), shortcut)
    return blocks.network.add(f"{name}_add", ops.Add(), inner, shortcut)


@dataclass
class CellWriter(Generic[E]):
    """Adds one cell; what is read by several edges goes through ReLU once.

    Parameters
    ----------
    blocks : BlockBuilder
        Where to.
    name : str
        Of the cell.
    width : int
        Channels of each node.
    stride : int
        Of the edges that begin at an input.
    pools_with_norm : bool
        Whether a norm follows pooling.
    """

    blocks: BlockBuilder
    name: str
    width: int
    stride: int
    pools_with_norm: bool
    _activated: dict[int, int] = field(default_factory=dict, init=False)

    def add_darts(self, cell: Cell[E], before: int, x: int) -> int:
        """Add what brings both inputs to one shape, then the nodes, and return all of them side by side."""
        read = {source for node in cell for source, _ in node}
        wanted = self.blocks.network.shape(x)[1:]
        inputs = [
            self._prepared(f"{self.name}_input{index}", source, wanted) if index in read else source
            for index, source in enumerate((before, x))
        ]
        found = self.add_nodes(cell, inputs)[len(inputs) :]
        return self.blocks.network.add(f"{self.name}_output", ops.Concatenate(), *found) if len(found) > 1 else found[0]

    def add_nodes(self, cell: Cell[E], inputs: list[int]) -> list[int]:
        """Add the nodes of a cell, and return what gives each input and node."""
        found = list(inputs)
        for index, node in enumerate(cell):
            found.append(self._add_node(f"{self.name}_node{index}", node, found, len(inputs)))
        return found

    def add_edge(self, name: str, edge: E, x: int, stride: int) -> int:
        """Add what an edge of this name does, and return the node that gives its output."""
        return self.add_operation(f"{name}_{edge}", str(edge), x, stride)

    def add_operation(self, name: str, operation: str, x: int, stride: int) -> int:
        """Add an operation, which leaves the channels as they are, and return the node that gives its output."""
        kind, kernel = operation[:-1], operation[-1]
        if operation == SKIP:
            return x if stride == 1 else self._halved(name, x)
        if kind in ("avg_pool", "max_pool"):
            return self._pooled(name, x, kind, int(kernel), stride)
        x, width = self._active(x), self.blocks.network.shape(x)[0]
        if kind == "conv":
            return self.blocks.convolution(name, x, width, int(kernel), stride)
        dilation = _DILATION if kind == "dil_conv" else 1
        x = self.blocks.depthwise(f"{name}_depthwise", x, int(kernel), stride, dilation)
        return self.blocks.convolution(name, x, width)

    def _prepared(self, name: str, x: int, extents: tuple[int, ...]) -> int:
        x = self._active(x)
        if self.blocks.network.shape(x)[1:] != extents:
            x = self.blocks.halved(f"{name}_halved", x)
        return self.blocks.convolution(name, x, self.width)

    def _add_node(self, name: str, node: Sequence[tuple[int, E]], found: list[int], inputs: int) -> int:
        """Add the sum of a node's edges; those that begin at an input have the cell's stride."""
        terms = [
            self.add_edge(f"{name}_from{source}", edge, found[source], self.stride if source < inputs else 1)
            for source, edge in node
        ]
        return self.blocks.network.add(f"{name}_add", ops.Add(), *terms) if len(terms) > 1 else terms[0]

    def _halved(self, name: str, x: int) -> int:
        width = self.blocks.network.shape(x)[0]
        return self.blocks.convolution(name, self.blocks.halved(f"{name}_halved", self._active(x)), width)

    def _pooled(self, name: str, x: int, kind: str, kernel: int, stride: int) -> int:
        pool = (ops.AvgPool if kind == "avg_pool" else ops.MaxPool)(kernel, stride, padded=True)
        x = self.blocks.network.add(name, pool, x)
        return self.blocks.normed(name, x) if self.pools_with_norm else x

    def _active(self, x: int) -> int:
        if x not in self._activated:
            self._activated[x] = self.blocks.activation(f"{self.name}_active{len(self._activated)}", x, "relu")
        return self._activated[x]
