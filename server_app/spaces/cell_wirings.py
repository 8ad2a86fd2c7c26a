"""The cells of a cell space: which nodes read which, by what operation."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from common.architecture.kinds.cells import NONE, Cell, Edge, Form, Node, canonical
from common.errors import SpecError
from server_app.spaces.domains import Choices

if TYPE_CHECKING:
    import numpy as np

    from server_app.spaces.base import Ask

_COUNTED = 20_000
"""Most ways of writing a cell that are gone through to count cells; that takes a second or two."""

_CHANGES = 100
_Choose: TypeAlias = Callable[[int, int], Iterable[int]]
"""Of so many places so many different ones."""


@dataclass(frozen=True)
class _Subsets(Choices):
    """Subsets of so many places, all of one size."""

    places: int = 0
    size_of_each: int = 0

    @classmethod
    def of(cls, places: int, count: int) -> Self:
        return cls(tuple(itertools.combinations(range(places), count)), places, count)

    def draw(self, rng: np.random.Generator) -> tuple[int, ...]:
        return tuple(sorted(_choosing(rng)(self.places, self.size_of_each)))


def _choosing(rng: np.random.Generator) -> _Choose:
    return lambda places, count: [int(place) for place in rng.choice(places, count, replace=False)]


class Wirings:
    """All cells of so many nodes.

    A cell is drawn as it is written: each node has as many edges as it may have, of which some may be none. What comes
    out is its canonical form, so that cells which can be written in more ways are drawn more often.

    Parameters
    ----------
    form : Form
        Of DARTS or NAS-Bench-201.
    nodes : int
        How many are written; where an edge may be none, fewer may be left.
    operations : sequence of str
        What an edge may be, not `NONE` alone.
    """

    def __init__(self, form: Form, nodes: int, operations: Sequence[str]) -> None:
        self._form = form
        self._nodes = nodes
        self._operations = Choices(tuple(operations))
        self._real = tuple(operation for operation in operations if operation != NONE)

    def draw(self, name: str, ask: Ask) -> Cell:
        """Return a cell as of `made`, but that one which leads nowhere is asked for again, by who draws answers."""
        while True:
            written = self._answered(name, ask)
            if (cell := self._sound(written)) is not None:
                return cell

    def made(self, name: str, ask: Ask) -> Cell:
        """Return the cell of this name that answers make.

        It is asked what each node reads, such as ``normal.1.sources``, and by which operation, ``normal.1.from0``.
        Raises `SpecError` where it leads nowhere.
        """
        return canonical(self._answered(name, ask), self._form)

    def answers(self, name: str, cell: Cell) -> dict[str, Any]:
        """Return by question the answer of which `made` makes `cell`; what it lacks is none, from the first places."""
        answers: dict[str, Any] = {}
        for place, node in enumerate(self._written(cell, lambda free, count: range(count))):  # noqa: ARG005
            answers[f"{name}.{place}.sources"] = tuple(source for source, _ in node)
            answers |= {f"{name}.{place}.from{source}": operation for source, operation in node}
        return answers

    def mutant(self, cell: Cell, rng: np.random.Generator) -> Cell:
        """Return `cell` with another operation, or another source, of one edge.

        A change that does not show, such as an edge to a node that nobody reads, is kept, and one more is made: else
        no cell could get a node back. What leads nowhere is taken back. `cell` itself where 100 changes do not show.
        """
        written = self._written(cell, _choosing(rng))
        for _ in range(_CHANGES):
            changed = self._changed(written, rng)
            found = self._sound(changed)
            if found not in (None, cell):
                return found
            written = written if found is None else changed
        return cell

    def child(self, a: Cell, b: Cell, rng: np.random.Generator) -> Cell:
        """Return a mix, each node from one of the two; `a` where that leads nowhere."""
        pairs = zip(self._written(a, _choosing(rng)), self._written(b, _choosing(rng)), strict=True)
        return self._sound(tuple(pair[int(rng.integers(2))] for pair in pairs)) or a

    def check(self, name: str, cell: Cell) -> None:
        """Raise `SpecError` where the cell has more nodes or other operations than are offered, or fewer edges."""
        if NONE not in self._operations and [len(node) for node in cell] != list(map(self._edges, self._indices())):
            rule = f"The {name} cells of the space have {self._nodes} nodes with all their edges"
            raise SpecError(rule, cell, fix="Change space.nodes, or put none into space.operations")
        if len(cell) > self._nodes:
            raise SpecError(f"The {name} cells of the space have {self._nodes} nodes at most", len(cell))
        for operation in sorted({operation for node in cell for _, operation in node}):
            if operation not in self._operations:
                rule = f"The {name} cell: the space offers {self._operations}"
                raise SpecError(rule, operation, fix="Change space.operations")

    def encode(self, cell: Cell) -> list[float]:
        """Return for each node, each place that it may read and each operation but none, whether there is that edge."""
        edges = {(node, *edge) for node, edges in enumerate(cell) for edge in edges}
        return [
            float((node, source, operation) in edges)
            for node in range(self._nodes)
            for source in range(self._form.inputs + node)
            for operation in self._real
        ]

    def every_edge(self) -> list[tuple[int, int]]:
        """Return each node with each place that it may read."""
        return [(node, source) for node, index in enumerate(self._indices()) for source in range(index)]

    @property
    def ways(self) -> int:
        """How many ways there are to write a cell, those that lead nowhere included."""
        nodes = ((index, self._edges(index)) for index in self._indices())
        return math.prod(math.comb(index, edges) * len(self._operations.values) ** edges for index, edges in nodes)

    @cached_property
    def size(self) -> int:
        """How many cells there are; where there are more than 20,000 ways to write one, the number of those."""
        return sum(1 for _ in self) if self.ways <= _COUNTED else self.ways

    def __iter__(self) -> Iterator[Cell]:
        """Yield each cell once, always in the same order."""
        seen: set[Cell] = set()
        for written in self._every(self._indices()):
            cell = self._sound(written)
            if cell is not None and cell not in seen:
                seen.add(cell)
                yield cell

    def _changed(self, written: Cell, rng: np.random.Generator) -> Cell:
        """Return a written cell with one edge changed, each change of any place being as likely."""
        places = [
            (node, edge, change)
            for node, edges in enumerate(written)
            for edge in range(len(edges))
            for change, possible in (
                ("operation", self._operations.size > 1),
                ("source", len(edges) < self._form.inputs + node),
            )
            if possible
        ]
        if not places:
            return written
        node, edge, change = places[int(rng.integers(len(places)))]
        edges = list(written[node])
        source, operation = edges[edge]
        if change == "operation":
            edges[edge] = (source, self._operations.other(operation, rng))
        else:
            taken = {other for other, _ in edges}
            free = [other for other in range(self._form.inputs + node) if other not in taken]
            edges[edge] = (free[int(rng.integers(len(free)))], operation)
        return (*written[:node], tuple(edges), *written[node + 1 :])

    def _indices(self) -> range:
        """Return the numbers of the nodes: inputs are counted first."""
        return range(self._form.inputs, self._form.inputs + self._nodes)

    def _edges(self, index: int) -> int:
        return min(self._form.edges, index)

    def _answered(self, name: str, ask: Ask) -> Cell:
        return tuple(self._made_node(f"{name}.{place}", index, ask) for place, index in enumerate(self._indices()))

    def _made_node(self, name: str, index: int, ask: Ask) -> Node:
        sources = ask(f"{name}.sources", _Subsets.of(index, self._edges(index)))
        return tuple((source, ask(f"{name}.from{source}", self._operations)) for source in sources)

    def _every(self, indices: range) -> Iterator[Cell]:
        """Yield each way to write these nodes; a node has too many for `itertools.product` to keep."""
        if not indices:
            yield ()
            return
        for node in self._every_node(indices[0]):
            for rest in self._every(indices[1:]):
                yield (node, *rest)

    def _every_node(self, index: int) -> Iterator[Node]:
        edges = self._edges(index)
        for sources in itertools.combinations(range(index), edges):
            for operations in itertools.product(self._operations.values, repeat=edges):
                yield tuple(zip(sources, operations, strict=True))

    def _written(self, cell: Cell, choose: _Choose) -> tuple[Node, ...]:
        """Return the cell with all nodes and edges that it may have, those that it lacks being none, from anywhere."""
        body, last = (cell, ()) if self._form.joins else (cell[:-1], cell[-1:])
        nodes = (*body, *[()] * (self._nodes - len(cell)), *last)
        return tuple(self._filled(node, index, choose) for node, index in zip(nodes, self._indices(), strict=True))

    def _filled(self, node: Node, index: int, choose: _Choose) -> Node:
        taken = {source for source, _ in node}
        free = [source for source in range(index) if source not in taken]
        chosen = choose(len(free), self._edges(index) - len(node)) if free else ()
        edges: list[Edge] = [*node, *((free[int(place)], NONE) for place in chosen)]
        return tuple(sorted(edges))

    def _sound(self, written: Cell) -> Cell | None:
        try:
            return canonical(written, self._form)
        except SpecError:
            return None
