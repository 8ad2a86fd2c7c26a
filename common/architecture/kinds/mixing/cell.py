"""All operations on all edges: cells in which each node reads every earlier place.

The frame says form, number and width of the cells; its own cells play no part. All normal cells have the same shares,
and all reduction cells. With partial channels, as in Y. Xu et al., "PC-DARTS", ICLR 2020, section 3.1, one of so many
channels goes through the operations, the others go by, and then all are shuffled. That departs from the paper in this:

- Where the extents are halved, what goes by is the maximum of windows of 3 with stride 2, and not of 2: that works with
  odd extents.
- The channels that go through are the first ones, as in its code, and edges have no weights of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from common.architecture.graph import HEAD, GraphBuilder
from common.architecture.kinds.blocks import BlockBuilder
from common.architecture.kinds.cell import CellSpec
from common.architecture.kinds.cell_stack import CellWriter, add_stack
from common.architecture.kinds.cells import FORMS, MAX_NODES, NONE, OPERATIONS, SKIP, Form
from common.architecture.kinds.mixing.base import Choice, Mixing, Option, add_mix
from common.architecture.operations import Concatenate, MaxPool
from common.architecture.operations.mixing import Channels, Shuffle
from common.architecture.rules import one_of
from common.errors import SpecError

if TYPE_CHECKING:
    from common.architecture.graph import Graph
    from common.tasks import Task


def place_of(cell: str, node: int, source: int) -> str:
    """Return what an edge is called.

    Parameters
    ----------
    cell : {"normal", "reduction"}
        Where it is.
    node : int
        Who reads, counted without the inputs.
    source : int
        What is read, inputs counted first.
    """
    return f"{cell}.{node}.from{source}"


class Cells(Mixing[CellSpec]):
    """Of cell specs."""

    def frame(self, frame: CellSpec, choices: Sequence[Choice], partial: int) -> CellSpec:
        """Return the frame with cells that say nothing; see `Mixing.frame`."""
        form, known = FORMS[frame.form], [choice.place for choice in choices]
        if not any(known == places for places in (_places(form, nodes) for nodes in range(1, MAX_NODES + 1))):
            raise SpecError(
                f"The places of mixed cells are all edges of 1 to {MAX_NODES} nodes, in order",
                known[:3],
                fix=f"Begin with {place_of('normal', 0, 0)}",
            )
        for choice in choices:
            for option in choice.options:
                self.parse(option)
            if choice.options == (NONE,):
                raise SpecError(f"{choice.place} must have an option that is not none", choice.options)
        if frame.channels % partial:
            raise SpecError(
                f"A mixed cell's channels must be a multiple of partial={partial}",
                frame.channels,
                fix="Use another number of channels, or partial 1",
            )
        plain = (((form.inputs - 1, SKIP),),)
        return replace(frame, normal=plain, reduction=plain if form.reduces else None)

    def parse(self, values: Any) -> Option:
        """Return the name of an operation."""
        return one_of(OPERATIONS)("an operation", values)

    def written(self, option: Option) -> Any:
        """Return the name."""
        return option

    def lower(self, frame: CellSpec, choices: Sequence[Choice], partial: int, task: Task) -> Graph:
        """Write stem, cells and head out; see `Mixing.lower`."""
        if task.kind == "vector":
            raise SpecError(
                "Cells work on a sequence or an image", task.input_shape, fix="Use mixed layers for vectors"
            )
        blocks = BlockBuilder(GraphBuilder(task.input_shape), frame.norm)
        cells = _cells(FORMS[frame.form], {choice.place: choice for choice in choices})

        def writer(blocks: BlockBuilder, name: str, width: int, stride: int, pools_with_norm: bool) -> _MixedWriter:
            return _MixedWriter(blocks, name, width, stride, pools_with_norm, partial)

        blocks.end(HEAD, add_stack(blocks, frame, writer, *cells), task.head.output_width)
        return blocks.network.graph()

    def plain(self, frame: CellSpec, chosen: Mapping[str, Option]) -> CellSpec:
        """Return the cells whose edges are chosen; what is not there is not read. See `Mixing.plain`."""
        form = FORMS[frame.form]
        nodes = next(count for count in range(1, MAX_NODES + 1) if set(chosen) <= set(_places(form, count)))
        names = _names(form)
        cells = {
            name: tuple(
                tuple(
                    (source, chosen[place])
                    for source in range(form.inputs + node)
                    if (place := place_of(name, node, source)) in chosen
                )
                for node in range(nodes)
            )
            for name in names
        }
        return replace(frame, **cells)  # type: ignore[arg-type]


def _names(form: Form) -> tuple[str, ...]:
    return ("normal", "reduction") if form.reduces else ("normal",)


def _places(form: Form, nodes: int) -> list[str]:
    """Return all edges, cell by cell, node by node."""
    return [
        place_of(cell, node, source)
        for cell in _names(form)
        for node in range(nodes)
        for source in range(form.inputs + node)
    ]


def _cells(form: Form, choices: Mapping[str, Choice]) -> list[list[list[tuple[int, Choice]]]]:
    nodes = next(count for count in range(1, MAX_NODES + 1) if len(_places(form, count)) == len(choices))
    return [
        [
            [(source, choices[place_of(cell, node, source)]) for source in range(form.inputs + node)]
            for node in range(nodes)
        ]
        for cell in _names(form)
    ]


@dataclass
class _MixedWriter(CellWriter[Choice]):
    """Adds one cell whose edges are choices.

    Parameters
    ----------
    partial : int
        One of so many channels goes through the operations.
    others
        As in `CellWriter`.
    """

    partial: int
    _parted: dict[int, tuple[int, int]] = field(default_factory=dict, init=False)

    def add_edge(self, name: str, edge: Choice, x: int, stride: int) -> int:
        """Add all options, and their sum; see `CellWriter.add_edge`."""
        if self.partial == 1:
            return self._mixed(name, edge, x, stride)
        network = self.blocks.network
        part, rest = self._parts(x, stride)
        joined = network.add(f"{name}_joined", Concatenate(), self._mixed(name, edge, part, stride), rest)
        return network.add(f"{name}_shuffled", Shuffle(self.partial), joined)

    def _mixed(self, name: str, edge: Choice, x: int, stride: int) -> int:
        given = {
            index: self.add_operation(f"{name}_{option}", option, x, stride)
            for index, option in enumerate(edge.options)
            if option != NONE
        }
        return add_mix(self.blocks.network, f"{name}_mix", edge, given)

    def _parts(self, x: int, stride: int) -> tuple[int, int]:
        """Return what goes through the operations, and what goes by, of `x`; each is made once."""
        if x not in self._parted:
            network, name = self.blocks.network, f"{self.name}_part{len(self._parted)}"
            count = self.width // self.partial
            part = network.add(name, Channels(0, count), x)
            rest = network.add(f"{name}_rest", Channels(count, self.width - count), x)
            if stride > 1:
                rest = network.add(f"{name}_halved", MaxPool(3, stride, padded=True), rest)
            self._parted[x] = part, rest
        return self._parted[x]
