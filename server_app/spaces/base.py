"""The contract of a search space."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from common.architecture.cost import Cost, cost_of
from common.errors import ConfigError, SpaceError, SpecError
from server_app.reporting.words import counted
from server_app.spaces.beliefs import Beliefs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from common.architecture.kinds.mixed import MixedSpec
    from common.architecture.spec import ArchitectureSpec
    from common.tasks import Task
    from server_app.spaces.domains import Domain

Ask: TypeAlias = "Callable[[str, Domain], Any]"
"""Answers a question on a network: of its name, and what may be answered, it returns one of the latter."""

LISTED = 10_000
"""Greatest size of a space that is listed: checking so many specs takes a second, once, and only where draws fail."""
_ATTEMPTS = 1000
_ATTEMPTS_BEFORE_LISTING = 100
"""Fewer, for something else is left; enough to keep the draw's own distribution where a twentieth is legal."""
_MISSES = 200


class SearchSpace(ABC):
    """The set of architectures that may be proposed for one task, with its constraints.

    Subclasses make a network of answers to questions (`_made`, `answers`), change one freely (`_mutant`, `_child`),
    list (`_enumerate`) and say what belongs (`_check_membership`); this base class repeats a draw until it is legal.
    Where that fails in a space of up to 10,000 specs before constraints, it chooses among all that are legal, each as
    likely, and knows when there is none.

    Parameters
    ----------
    task : Task
        Input shape and classes; every cost is relative to it.
    max_parameters, max_macs, max_message_bytes : int, optional
        Hard constraints on a spec.

    Attributes
    ----------
    beliefs : Beliefs
        What an expert expects of answers; by default nothing. Fresh draws follow it, and who answers is told.
    """

    why_offline: ClassVar[str] = ""
    """Why no federation can train its specs, as a sentence without its full stop; empty where one can."""

    def __init__(
        self,
        task: Task,
        *,
        max_parameters: int | None = None,
        max_macs: int | None = None,
        max_message_bytes: int | None = None,
    ) -> None:
        self.task = task
        self.max_parameters = max_parameters
        self.max_macs = max_macs
        self.max_message_bytes = max_message_bytes
        self.beliefs = Beliefs()
        self._legal: tuple[ArchitectureSpec, ...] | None = None
        self.excess = self.broken = lambda spec: ""  # noqa: ARG005

    @property
    def excess(self) -> Callable[[ArchitectureSpec], str]:
        """What says in words why a spec does not fit the nodes; empty where it does. By default every spec fits."""
        return self._excess

    @excess.setter
    def excess(self, excess: Callable[[ArchitectureSpec], str]) -> None:
        self._excess = excess
        self._legal = None

    @property
    def broken(self) -> Callable[[ArchitectureSpec], str]:
        """What says in words which hard constraint of the search a spec breaks; empty where none, as by default."""
        return self._broken

    @broken.setter
    def broken(self, broken: Callable[[ArchitectureSpec], str]) -> None:
        self._broken = broken
        self._legal = None

    @abstractmethod
    def _made(self, ask: Ask) -> ArchitectureSpec:
        """Make a spec, legal or not, of the answers to questions, no two of one name.

        What is asked next, and what may be answered, follows from the answers so far. Raises `SpecError` where they
        make no network.
        """

    @abstractmethod
    def answers(self, spec: ArchitectureSpec) -> dict[str, Any]:
        """Return by question the answer by which `made` makes `spec`, in the order in which they are asked.

        Of several ways to make it this is always the same one.

        Raises
        ------
        SpecError
            The space does not offer it.
        """

    def _draw(self, rng: np.random.Generator) -> ArchitectureSpec:
        """Draw a spec, legal or not: by default each answer as its domain has it."""
        return self._made(self._drawn(rng))

    def _drawn(self, rng: np.random.Generator) -> Ask:
        """Return what answers as domains draw, with what is expected of them."""
        return self.beliefs.asked(drawn_by(rng))

    @abstractmethod
    def _mutant(self, spec: ArchitectureSpec, rng: np.random.Generator) -> ArchitectureSpec:
        """Change one thing of `spec`, legal or not."""

    @abstractmethod
    def _child(self, a: ArchitectureSpec, b: ArchitectureSpec, rng: np.random.Generator) -> ArchitectureSpec:
        """Mix two specs, legal or not."""

    @abstractmethod
    def _check_membership(self, spec: ArchitectureSpec) -> None:
        """Raise `SpecError` where `spec` uses something that this space does not offer."""

    def nearest(self, spec: ArchitectureSpec) -> ArchitectureSpec:
        """Return `spec` with what this space offers in place of what it does not, as far as there is such a thing.

        The result need not be legal. By default it is `spec`.
        """
        return spec

    @abstractmethod
    def encode(self, spec: ArchitectureSpec) -> NDArray[np.float64]:
        """Return `spec` as a vector of fixed length, equal only for equal specs (for surrogates)."""

    @abstractmethod
    def size(self) -> float:
        """Count the specs before constraints; infinite where a choice is continuous."""

    @abstractmethod
    def _enumerate(self) -> Iterator[ArchitectureSpec]:
        """Yield the specs that `size` counts, each once, always in the same order; asked only where they are finite."""

    def mixed(self, partial: int = 1) -> MixedSpec:  # noqa: ARG002
        """Return the network of all options, for a search by gradients; by default there is none.

        Its sizes are the least that are offered, and of what it does not choose it has what is offered first.

        Parameters
        ----------
        partial : int
            One of so many channels goes through the operations, where they are cells.

        Raises
        ------
        ConfigError
            There is none, or nothing to choose.
        """
        raise ConfigError(
            "A bilevel search needs a space with a network of all its options",
            type(self).__name__,
            fix="Choose another controller",
        )

    def larger(self, spec: ArchitectureSpec) -> Sequence[ArchitectureSpec | None]:  # noqa: ARG002
        """Return by size `spec` with the next larger value that is offered, None where it has the largest.

        The operations stay, and the result need not be legal. By default there are no sizes.
        """
        return ()

    def choices(self) -> dict[str, Domain]:
        """Return what there is to choose from, by option, for people; by default nothing is told.

        Names are those of the options, ``stages.0.width`` for a part of one. What has one value is told too: it may be
        a default that goes by the task.
        """
        return {}

    def enumerate(self) -> Iterator[ArchitectureSpec]:
        """Return the specs that `size` counts, each once, in the space's own order, legal or not.

        Raises
        ------
        SpaceError
            A choice is continuous.
        """
        if math.isinf(self.size()):
            raise SpaceError(
                "Only a finite space can be listed, and this one has a continuous choice",
                fix="Give choices instead of a range, such as space.dropout=[0.0, 0.1]",
            )
        return self._enumerate()

    def legal(self) -> tuple[ArchitectureSpec, ...] | None:
        """Return what `enumerate` lists and `check` lets pass; None where there are more than 10,000 to check.

        They are checked once. What is drawn must not depend on whether they were, or a search that was interrupted
        would go on differently.
        """
        if not self._is_listed:
            return None
        if self._legal is None:
            self._legal = tuple(filter(self.contains, self.enumerate()))
        return self._legal

    @cached_property
    def _is_listed(self) -> bool:
        return self.size() <= LISTED

    @property
    def _attempts(self) -> int:
        return _ATTEMPTS_BEFORE_LISTING if self._is_listed else _ATTEMPTS

    def cost(self, spec: ArchitectureSpec) -> Cost:
        """Return what `spec` costs on this task."""
        return cost_of(spec.lower(self.task))

    def check(self, spec: ArchitectureSpec) -> None:
        """Raise `SpecError`, with the reason, unless `spec` belongs to this space and meets its constraints."""
        self._check_membership(spec)
        cost = self.cost(spec)
        for name, value, limit in (
            ("parameters", cost.parameters, self.max_parameters),
            ("macs", cost.macs, self.max_macs),
            ("message_bytes", cost.message_bytes, self.max_message_bytes),
        ):
            if limit is not None and value > limit:
                raise SpecError(f"The space allows {limit} {name} at most", value, fix=f"Raise space.max_{name}")
        if reason := self.broken(spec):
            raise SpecError(f"A proposal must keep objective.constraints: {reason}", fix="Loosen objective.constraints")
        if reason := self.excess(spec):
            raise SpecError(f"A proposal must fit the nodes: {reason}", fix="Raise the node's limit or leave it out")

    def contains(self, spec: ArchitectureSpec) -> bool:
        """Tell whether `check` passes."""
        try:
            self.check(spec)
        except SpecError:
            return False
        return True

    def made(self, ask: Ask) -> ArchitectureSpec:
        """Return the spec that answers make: so a policy draws, a sampler suggests, and an expert is believed.

        Parameters
        ----------
        ask : callable
            Called once for each question, with its name, such as ``layers.2.width``, and the domain of its answers.
            There may be one answer only. One name may have other domains after other answers.

        Raises
        ------
        SpecError
            The answers make no network, or none that is legal.
        """
        spec = self._made(self.beliefs.asked(ask))
        self.check(spec)
        return spec

    def draws(self, rng: np.random.Generator) -> Iterator[tuple[ArchitectureSpec, SpecError | None]]:
        """Yield draws without end, each with the reason why it is not legal, or None where it is."""
        while True:
            spec = self._draw(rng)
            try:
                self.check(spec)
            except SpecError as error:
                yield spec, error
            else:
                yield spec, None

    def sample(self, rng: np.random.Generator) -> ArchitectureSpec:
        """Draw a legal spec.

        Raises
        ------
        SpaceError
            There is none, or, in a space too large to list, 1000 draws found none.
        """
        reason: SpecError | None = None
        for spec, reason in islice(self.draws(rng), self._attempts):
            if reason is None:
                return spec
        legal = self.legal()
        if legal:
            return _choose(legal, rng)
        failed = f"{_ATTEMPTS} draws" if legal is None else f"all its {counted(round(self.size()), 'spec')}"
        raise SpaceError(
            f"A search space must hold something legal, but {failed} broke its constraints (the last draw: {reason})",
            fix="Loosen the space's constraints or the nodes' limits, or offer smaller widths and depths",
        )

    def probe(self, rng: np.random.Generator) -> Iterator[ArchitectureSpec]:
        """Yield all legal specs that `sample` would look at: those among its draws, then, of a listed space, all.

        So where nothing is yielded that keeps narrower limits, `sample` would find nothing within them either.
        """
        yield from (spec for spec, reason in islice(self.draws(rng), self._attempts) if reason is None)
        yield from self.legal() or ()

    def sample_other(self, taken: Collection[ArchitectureSpec], rng: np.random.Generator) -> ArchitectureSpec | None:
        """Draw a legal spec that is not among `taken`.

        Returns
        -------
        ArchitectureSpec or None
            None where there is none, or, in a space too large to list, where 200 samples were all taken or one failed.
        """
        legal = self.legal()
        if legal is not None:
            others = [spec for spec in legal if spec not in taken]
            return _choose(others, rng) if others else None
        samples = (self.sample(rng) for _ in range(_MISSES))
        try:
            return next((spec for spec in samples if spec not in taken), None)
        except SpaceError:
            return None

    def samples(self, count: int, rng: np.random.Generator) -> list[ArchitectureSpec]:
        """Draw so many different legal specs; fewer where there are no more, or too rare to be met again.

        In a space too large to list it ends where 200 samples in a row were drawn before. Raises `SpaceError` where
        nothing is legal.
        """
        legal = self.legal()
        if legal:
            return [legal[place] for place in rng.permutation(len(legal))[:count]]
        found: dict[ArchitectureSpec, None] = {}
        misses = 0
        while len(found) < count and misses < _MISSES:
            before = len(found)
            found[self.sample(rng)] = None
            misses = misses + 1 if len(found) == before else 0
        return list(found)

    def mutate(self, spec: ArchitectureSpec, rng: np.random.Generator) -> ArchitectureSpec:
        """Return a legal neighbour of `spec`; if none is found, any other legal spec; `spec` where it is alone."""
        for _ in range(self._attempts):
            mutant = self._mutant(spec, rng)
            if mutant != spec and self.contains(mutant):
                return mutant
        return self.sample_other({spec}, rng) or self.sample(rng)

    def crossover(self, a: ArchitectureSpec, b: ArchitectureSpec, rng: np.random.Generator) -> ArchitectureSpec:
        """Return a legal mix of `a` and `b`; `a` itself where no mix is legal."""
        for _ in range(self._attempts):
            child = self._child(a, b, rng)
            if self.contains(child):
                return child
        return a


def drawn_by(rng: np.random.Generator) -> Ask:
    """Return what answers as each domain draws."""
    return lambda name, domain: domain.draw(rng)  # noqa: ARG005


def _choose(specs: Sequence[ArchitectureSpec], rng: np.random.Generator) -> ArchitectureSpec:
    return specs[int(rng.integers(len(specs)))]
