"""The contract of a search space."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

from common.architecture.cost import Cost, cost_of
from common.errors import SpaceError, SpecError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from common.architecture.spec import ArchitectureSpec
    from common.architecture.task import TaskShape

_ATTEMPTS = 1000


class SearchSpace(ABC):
    """The set of architectures that may be proposed for one task, with its constraints.

    Subclasses draw freely (`_draw`, `_mutant`, `_child`) and say what belongs (`check`); this base
    class repeats a draw until it is legal, and says so when nothing is.

    Parameters
    ----------
    task : TaskShape
        Input shape and classes; every cost is relative to it.
    max_parameters, max_macs : int, optional
        Hard constraints on a spec.

    Attributes
    ----------
    excess : callable
        Says in words why a spec does not fit the nodes; empty where it does. By default every spec fits.
    """

    def __init__(self, task: TaskShape, *, max_parameters: int | None = None, max_macs: int | None = None) -> None:
        self.task = task
        self.max_parameters = max_parameters
        self.max_macs = max_macs
        self.excess: Callable[[ArchitectureSpec], str] = lambda spec: ""  # noqa: ARG005

    @abstractmethod
    def _draw(self, rng: np.random.Generator) -> ArchitectureSpec:
        """Draw a spec, legal or not."""

    @abstractmethod
    def _mutant(self, spec: ArchitectureSpec, rng: np.random.Generator) -> ArchitectureSpec:
        """Change one thing of `spec`, legal or not."""

    @abstractmethod
    def _child(self, a: ArchitectureSpec, b: ArchitectureSpec, rng: np.random.Generator) -> ArchitectureSpec:
        """Mix two specs, legal or not."""

    @abstractmethod
    def _check_membership(self, spec: ArchitectureSpec) -> None:
        """Raise `SpecError` where `spec` uses something that this space does not offer."""

    @abstractmethod
    def encode(self, spec: ArchitectureSpec) -> NDArray[np.float64]:
        """Return `spec` as a vector of fixed length, equal only for equal specs (for surrogates)."""

    @abstractmethod
    def size(self) -> float:
        """Count the specs before constraints; infinite where a choice is continuous."""

    def cost(self, spec: ArchitectureSpec) -> Cost:
        """Return what `spec` costs on this task."""
        return cost_of(spec, self.task)

    def check(self, spec: ArchitectureSpec) -> None:
        """Raise `SpecError`, with the reason, unless `spec` belongs to this space and meets its constraints."""
        self._check_membership(spec)
        cost = self.cost(spec)
        for name, value, limit in (
            ("parameters", cost.parameters, self.max_parameters),
            ("macs", cost.macs, self.max_macs),
        ):
            if limit is not None and value > limit:
                raise SpecError(f"The space allows {limit} {name} at most", value, fix=f"Raise space.max_{name}")
        if reason := self.excess(spec):
            raise SpecError(f"A proposal must fit the nodes: {reason}", fix="Raise the node's limit or leave it out")

    def contains(self, spec: ArchitectureSpec) -> bool:
        """Tell whether `check` passes."""
        try:
            self.check(spec)
        except SpecError:
            return False
        return True

    def sample(self, rng: np.random.Generator) -> ArchitectureSpec:
        """Draw a legal spec."""
        reason: SpecError | None = None
        for _ in range(_ATTEMPTS):
            spec = self._draw(rng)
            try:
                self.check(spec)
            except SpecError as error:
                reason = error
            else:
                return spec
        raise SpaceError(
            f"A search space must hold something legal, but {_ATTEMPTS} draws met its constraints never "
            f"(the last one: {reason})",
            fix="Loosen the space's constraints or the nodes' limits, or offer smaller widths and depths",
        )

    def mutate(self, spec: ArchitectureSpec, rng: np.random.Generator) -> ArchitectureSpec:
        """Return a legal neighbour of `spec`, other than `spec`; a fresh sample where it has none."""
        for _ in range(_ATTEMPTS):
            mutant = self._mutant(spec, rng)
            if mutant != spec and self.contains(mutant):
                return mutant
        return self.sample(rng)

    def crossover(self, a: ArchitectureSpec, b: ArchitectureSpec, rng: np.random.Generator) -> ArchitectureSpec:
        """Return a legal mix of `a` and `b`; `a` itself where no mix is legal."""
        for _ in range(_ATTEMPTS):
            child = self._child(a, b, rng)
            if self.contains(child):
                return child
        return a
