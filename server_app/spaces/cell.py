"""The `cell` space: stacks of one or two small graphs of operations, for sequences and images."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from common.architecture.kinds.blocks import MAX_STRIDES, NORMS
from common.architecture.kinds.cell import MAX_CELLS, MAX_CHANNELS, MIN_CELLS, CellSpec
from common.architecture.kinds.cells import FORMS, MAX_NODES, NONE, OPERATIONS, SKIP, Cell
from common.architecture.kinds.mixed import Choice, MixedSpec
from common.architecture.kinds.mixing.cell import place_of
from common.architecture.rules import one_of, optional, whole
from common.errors import ConfigError, SpecError
from server_app.spaces.base import Ask, SearchSpace
from server_app.spaces.cell_wirings import Wirings
from server_app.spaces.domains import (
    Choices,
    above,
    check_limits,
    checked,
    encode_choice,
    least_of,
    nothing_to_choose,
    parse_choices,
)
from server_app.spaces.layered_places import nearest_in
from server_app.spaces.stems import require_space, stem_strides

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from common.architecture.spec import ArchitectureSpec
    from common.tasks import Task
    from server_app.spaces.domains import Domain

_OPERATIONS = {
    "darts": ["skip", "sep_conv3", "sep_conv5", "dil_conv3", "dil_conv5", "avg_pool3", "max_pool3"],
    "nasbench201": ["none", "skip", "conv1", "conv3", "avg_pool3"],
}
"""Those of the papers; DARTS has none while it searches, and in no cell that it finds."""


class CellSpace(SearchSpace):
    """Stacks of cells in the form of DARTS or NAS-Bench-201; see `CellSpec`.

    Parameters
    ----------
    task : Task
        Says how many strides the stem has, where nobody chose.
    options : Options
        Form, nodes, operations, stack and constraints.
    """

    @dataclass(frozen=True)
    class Options:
        """Options of the `cell` space.

        Parameters
        ----------
        form : {"darts", "nasbench201"}
            What a cell is.
        nodes : int
            Of a cell, its inputs aside; 4 in the DARTS paper, 3 in that of NAS-Bench-201.
        operations : list of str, optional
            What an edge may be; by default what the form's paper has.
        cells, channels : list of int
            How many cells, and of how many channels the first ones are.
        norm : list of str
            After each convolution.
        stem_strides : int, optional
            Convolutions of stride 2 before the cells. By default as many as leave 16 pixels of a side, or 64 steps.
        max_parameters, max_macs : int, optional
            Hard constraints.
        """

        form: str = "darts"
        nodes: int = 3
        operations: list[str] | None = None
        cells: list[int] = field(default_factory=lambda: [3, 5, 8])
        channels: list[int] = field(default_factory=lambda: [4, 6, 8])
        norm: list[str] = field(default_factory=lambda: ["group"])
        stem_strides: int | None = None
        max_parameters: int | None = 200_000
        max_macs: int | None = 1_000_000

        def __post_init__(self) -> None:
            checked("form", self.form, one_of(tuple(FORMS)))
            checked("nodes", self.nodes, whole(1, MAX_NODES))
            checked("stem_strides", self.stem_strides, optional(whole(0, MAX_STRIDES)))
            check_limits(self.max_parameters, self.max_macs)
            self.domains()
            if set(self.offered()) == {NONE}:
                raise ConfigError("space.operations must have one that is not none", self.operations, fix="Add skip")

        def domains(self) -> dict[str, Choices]:
            """Return what is offered for a whole stack, by field of a spec."""
            return {
                "cells": parse_choices("cells", self.cells, whole(MIN_CELLS, MAX_CELLS)),
                "channels": parse_choices("channels", self.channels, whole(1, MAX_CHANNELS)),
                "norm": parse_choices("norm", self.norm, one_of(NORMS)),
            }

        def offered(self) -> tuple[str, ...]:
            """Return what an edge may be."""
            operations = _OPERATIONS[self.form] if self.operations is None else self.operations
            return parse_choices("operations", operations, one_of(OPERATIONS)).values

    def __init__(self, task: Task, options: Options | None = None) -> None:
        self.options = options or self.Options()
        super().__init__(task, max_parameters=self.options.max_parameters, max_macs=self.options.max_macs)
        require_space("cell", task)
        form = FORMS[self.options.form]
        self._names = ("normal", "reduction") if form.reduces else ("normal",)
        self._wirings = Wirings(form, self.options.nodes, self.options.offered())
        self._domains = self.options.domains()
        chosen = self.options.stem_strides
        self._fixed: dict[str, Any] = {
            "form": self.options.form,
            "stem_strides": min(stem_strides(task), MAX_STRIDES) if chosen is None else chosen,
        }

    def _made(self, ask: Ask) -> CellSpec:
        cells = {name: self._wirings.made(name, ask) for name in self._names}
        return self._spec(cells, {name: ask(name, domain) for name, domain in self._domains.items()})

    def answers(self, spec: ArchitectureSpec) -> dict[str, Any]:
        """Return what each node of each cell reads, and by which operations, and then the other fields."""
        self._check_membership(spec)
        answers: dict[str, Any] = {}
        for name in self._names:
            answers |= self._wirings.answers(name, getattr(spec, name))
        return {**answers, **{name: getattr(spec, name) for name in self._domains}}

    def _draw(self, rng: np.random.Generator) -> CellSpec:
        """Draw cell by cell: those that lead nowhere are drawn again."""
        ask = self._drawn(rng)
        cells = {name: self._wirings.draw(name, ask) for name in self._names}
        return self._spec(cells, {name: ask(name, domain) for name, domain in self._domains.items()})

    def _mutant(self, spec: ArchitectureSpec, rng: np.random.Generator) -> CellSpec:
        spec = _cell_spec(spec)
        changeable = [*self._names, *(name for name, domain in self._domains.items() if domain.size > 1)]
        name = changeable[int(rng.integers(len(changeable)))]
        now: Any = getattr(spec, name)
        other: Any = self._wirings.mutant(now, rng) if name in self._names else self._domains[name].other(now, rng)
        return replace(spec, **{name: other})

    def _child(self, a: ArchitectureSpec, b: ArchitectureSpec, rng: np.random.Generator) -> CellSpec:
        """Mix the cells node by node, and take each of the other fields from one of the two."""
        a, b = _cell_spec(a), _cell_spec(b)
        cells = {name: self._wirings.child(getattr(a, name), getattr(b, name), rng) for name in self._names}
        return self._spec(cells, {name: getattr((a, b)[int(rng.integers(2))], name) for name in self._domains})

    def _check_membership(self, spec: ArchitectureSpec) -> None:
        spec = _cell_spec(spec)
        fixed = {name: Choices((value,)) for name, value in self._fixed.items()}
        for name, domain in {**fixed, **self._domains}.items():
            if (value := getattr(spec, name)) not in domain:
                raise SpecError(f"The space offers {name} {domain}", value, fix=f"Change space.{name}")
        for name in self._names:
            self._wirings.check(name, getattr(spec, name))

    def nearest(self, spec: ArchitectureSpec) -> ArchitectureSpec:
        """Return `spec` with the nearest number of cells and channels, and stem and norm as offered; cells stay."""
        if not isinstance(spec, CellSpec) or spec.form != self.options.form:
            return spec
        near = {name: nearest_in(domain, getattr(spec, name)) for name, domain in self._domains.items()}
        return replace(spec, stem_strides=self._fixed["stem_strides"], **near)

    def mixed(self, partial: int = 1) -> MixedSpec:
        """Return the network whose cells have every edge, each of all operations; see `SearchSpace.mixed`."""
        offered = self.options.offered()
        if len(offered) < 2:
            raise nothing_to_choose("cell", "Set space.operations")
        stack = {name: least_of(domain) for name, domain in self._domains.items()}
        unsaid: Cell = (((FORMS[self.options.form].inputs - 1, SKIP),),)
        frame = self._spec(dict.fromkeys(self._names, unsaid), stack)
        edges = [(name, *edge) for name in self._names for edge in self._wirings.every_edge()]
        return MixedSpec(frame, tuple(Choice(place_of(*edge), offered) for edge in edges), partial)

    def larger(self, spec: ArchitectureSpec) -> list[ArchitectureSpec | None]:
        """Return `spec` with more cells, and with more channels; see `SearchSpace.larger`."""
        spec = _cell_spec(spec)
        values = {name: above(self._domains[name], getattr(spec, name)) for name in ("cells", "channels")}
        return [None if value is None else replace(spec, **{name: value}) for name, value in values.items()]

    def encode(self, spec: ArchitectureSpec) -> NDArray[np.float64]:
        """Return `spec` as a vector of fixed length, equal only for equal specs of the space.

        First the edges of each cell, 1 where there is one: by node, by what it reads, by operation. Then cells and
        channels, each over the greatest that is offered, and the norm one-hot.
        """
        self._check_membership(spec)
        edges = [value for name in self._names for value in self._wirings.encode(getattr(spec, name))]
        stack = [
            value for name, domain in self._domains.items() for value in encode_choice(domain, getattr(spec, name))
        ]
        return np.array(edges + stack, dtype=np.float64)

    def choices(self) -> dict[str, Domain]:
        """Return form, nodes, operations and stack, in the order of the options."""
        return {
            "form": Choices((self.options.form,)),
            "nodes": Choices((self.options.nodes,)),
            "operations": Choices(self.options.offered()),
            **self._domains,
            "stem_strides": Choices((self._fixed["stem_strides"],)),
        }

    def size(self) -> float:
        """Count the specs before constraints.

        That is exact where there are at most 20,000 ways to write a cell. Where there are more, these are counted, of
        which several may be one cell.
        """
        stacks = math.prod(domain.size for domain in self._domains.values())
        return float(self._wirings.size ** len(self._names) * stacks)

    def _enumerate(self) -> Iterator[CellSpec]:
        """Yield each normal cell with each reduction cell in each stack; what comes last changes first."""
        for normal in self._wirings:
            for reduction in self._wirings if len(self._names) > 1 else (None,):
                cells: dict[str, Cell | None] = {"normal": normal, "reduction": reduction}
                for values in itertools.product(*(domain.values for domain in self._domains.values())):
                    yield self._spec(cells, dict(zip(self._domains, values, strict=True)))

    def _spec(self, cells: dict[str, Any], stack: dict[str, Any]) -> CellSpec:
        return CellSpec(**self._fixed, **cells, **stack)


def _cell_spec(spec: ArchitectureSpec) -> CellSpec:
    if not isinstance(spec, CellSpec):
        raise SpecError("The space holds cell specs", spec.kind, fix="Choose another space")
    return spec
