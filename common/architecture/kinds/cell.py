"""Cell specs: one or two small graphs of operations, stacked, in the forms of DARTS and of NAS-Bench-201."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from common.architecture.graph import HEAD, Graph, GraphBuilder
from common.architecture.kinds.blocks import MAX_STRIDES, NORMS, BlockBuilder
from common.architecture.kinds.cell_stack import CellWriter, add_stack
from common.architecture.kinds.cells import FORMS, Cell, Node, canonical, parse_cell
from common.architecture.rules import one_of, whole
from common.architecture.spec import ArchitectureSpec
from common.errors import SpecError

if TYPE_CHECKING:
    from common.tasks import Task

MIN_CELLS, MAX_CELLS = 3, 32
MAX_CHANNELS = 1024
_RULES = {
    "form": one_of(tuple(FORMS)),
    "cells": whole(MIN_CELLS, MAX_CELLS),
    "channels": whole(1, MAX_CHANNELS),
    "stem_strides": whole(0, MAX_STRIDES),
    "norm": one_of(NORMS),
}


@dataclass(frozen=True)
class CellSpec(ArchitectureSpec):
    """A stem, cells one after the other, and the mean over space before the head, for sequences and images.

    Of the cells, those at a third and two thirds of the way (counted from 0: ``cells // 3`` and ``2 cells // 3``) halve
    the extents and double the channels, as in both papers. How the network is made of them, and where that departs
    from the papers, is told in `common.architecture.kinds.cell_stack`.

    Parameters
    ----------
    form : {"darts", "nasbench201"}
        H. Liu, K. Simonyan & Y. Yang, "DARTS: Differentiable Architecture Search", ICLR 2019: two inputs, the outputs
        of the two cells before; nodes that read two earlier places at most, each from another one; all nodes side by
        side are the output. X. Dong & Y. Yang, "NAS-Bench-201", ICLR 2020: one input; nodes that read any earlier
        places; the last node is the output.
    normal : sequence of nodes
        A node is a sequence of edges ``(source, operation)``, all of which are added up. Sources count the inputs
        first, the cell just before being the last of them. It is kept in its canonical form, which is the same for
        isomorphic cells; see `common.architecture.kinds.cells.canonical`.
    reduction : sequence of nodes, optional
        The cell that halves the extents: of the DARTS form alone.
    cells : int
        All of them, 3 to 32, those that halve the extents included. The 3 stages of N cells of NAS-Bench-201 are
        ``3 N + 2``.
    channels : int
        Of the stem and the first cells, 1 to 1024.
    stem_strides : int
        How many convolutions of stride 2 the stem has; where 0, it has one of stride 1.
    norm : {"group", "batch"}
        After each convolution.

    Notes
    -----
    Networks count as the same where their graphs are. That a node which only copies another could be left out, or that
    a sum of copies can be written in several ways, is algebra and no isomorphism: such specs differ. Of the
    15,625 ways to write a cell of NAS-Bench-201 with its five operations, 341 lead nowhere, and the others are 8,764
    cells.
    """

    form: str
    normal: Cell
    reduction: Cell | None = None
    cells: int = 5
    channels: int = 8
    stem_strides: int = 0
    norm: str = "group"

    kind: ClassVar[str] = "cell"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        for name, rule in _RULES.items():
            object.__setattr__(self, name, rule(name, getattr(self, name)))
        form = FORMS[self.form]
        if form.reduces is (self.reduction is None):
            raise SpecError(
                f"A {self.form} spec has {'a' if form.reduces else 'no'} reduction cell",
                self.reduction,
                fix="Give one" if form.reduces else "Leave it out",
            )
        for name in ("normal", "reduction") if form.reduces else ("normal",):
            cell = canonical(parse_cell(name, getattr(self, name), form), form)
            object.__setattr__(self, name, cell)

    def describe(self) -> str:
        """Return one line for people, such as ``5 darts cells from 8: sep_conv3 0 + skip 1 | reduction ...``."""
        cells = [_described(self.normal), *([f"reduction {_described(self.reduction)}"] if self.reduction else [])]
        return f"{self.cells} {self.form} cells from {self.channels}: {' | '.join(cells)}"

    def to_values(self) -> dict[str, Any]:
        """Return all fields, nodes as lists of ``[source, operation]``; no `reduction` where there is none."""
        names = ("cells", "channels", "form", "norm", "stem_strides")
        values: dict[str, Any] = {name: getattr(self, name) for name in names}
        if self.reduction is not None:
            values["reduction"] = _as_lists(self.reduction)
        return {**values, "normal": _as_lists(self.normal)}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Build from plain JSON values; see `ArchitectureSpec.from_values`."""
        if missing := [name for name in ("form", "normal") if name not in values]:
            raise SpecError("A cell spec needs form and normal", sorted(values), fix=f"Add {missing[0]}")
        return cls(**values)

    def _lower(self, task: Task) -> Graph:
        if task.kind == "vector":
            raise SpecError(
                "Cells work on a sequence or an image", task.input_shape, fix="Use a layered spec for vectors"
            )
        blocks = BlockBuilder(GraphBuilder(task.input_shape), self.norm)
        x = add_stack(blocks, self, CellWriter[str], self.normal, self.reduction)
        blocks.end(HEAD, x, task.head.output_width)
        return blocks.network.graph()


def _as_lists(cell: Cell) -> list[list[list[Any]]]:
    return [[list(edge) for edge in node] for node in cell]


def _described(cell: Cell) -> str:
    return ", ".join(map(_described_node, cell))


def _described_node(node: Node) -> str:
    return " + ".join(f"{operation} {source}" for source, operation in node)
