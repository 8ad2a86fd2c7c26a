"""A space that is a list: these architectures and no others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.architecture.spec import ArchitectureSpec
from common.errors import SpaceError, SpecError
from common.tasks import Task
from server_app.reporting.words import counted
from server_app.spaces.base import Ask, SearchSpace
from server_app.spaces.domains import Choices, Domain


class ListedSpace(SearchSpace):
    """The given specs, to be compared with each other.

    Parameters
    ----------
    task : Task
        Input shape and classes.
    options : Options
        The specs and the constraints.
    """

    @dataclass(frozen=True)
    class Options:
        """The list.

        Parameters
        ----------
        specs : sequence of dict
            Architecture specs as JSON objects, at least one.
        max_parameters, max_macs : int, optional
            Hard constraints on a spec.
        """

        specs: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
        max_parameters: int | None = None
        max_macs: int | None = None

    def __init__(self, task: Task, options: Options) -> None:
        super().__init__(task, max_parameters=options.max_parameters, max_macs=options.max_macs)
        self.specs = tuple(dict.fromkeys(ArchitectureSpec.from_dict(dict(values)) for values in options.specs))
        if not self.specs:
            raise SpaceError("A listed space needs at least one spec", [], fix="Fill space.specs")
        self._members = frozenset(self.specs)

    def _made(self, ask: Ask) -> ArchitectureSpec:
        spec: ArchitectureSpec = ask("specs", Choices(self.legal() or self.specs))
        return spec

    def answers(self, spec: ArchitectureSpec) -> dict[str, Any]:
        """Return the spec itself."""
        self._check_membership(spec)
        return {"specs": spec}

    def _mutant(self, spec: ArchitectureSpec, rng: np.random.Generator) -> ArchitectureSpec:  # noqa: ARG002
        return self._draw(rng)

    def _child(self, a: ArchitectureSpec, b: ArchitectureSpec, rng: np.random.Generator) -> ArchitectureSpec:
        return (a, b)[int(rng.integers(2))]

    def _check_membership(self, spec: ArchitectureSpec) -> None:
        if spec not in self._members:
            raise SpecError(f"The space lists {counted(len(self.specs), 'spec')}, and this is none of them", spec.id)

    def encode(self, spec: ArchitectureSpec) -> NDArray[np.float64]:
        """Return a one-hot vector, shape ``(number of specs,)``."""
        self._check_membership(spec)
        return np.array([float(spec == listed) for listed in self.specs])

    def choices(self) -> dict[str, Domain]:
        """Return the specs."""
        return {"specs": Choices(self.specs)}

    def size(self) -> float:
        """Count the specs."""
        return float(len(self.specs))

    def _enumerate(self) -> Iterator[ArchitectureSpec]:
        return iter(self.specs)
