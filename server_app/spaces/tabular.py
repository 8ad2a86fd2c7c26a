"""A space that is a table of evaluated architectures: a trial is looked up, and costs nothing.

It is for judging controllers (``flwr-nas benchmark``): a table tells what networks scored, not what they are, so no
federation can train them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from common.architecture.cost import Cost
from common.architecture.kinds.tabular import TabularSpec
from common.architecture.spec import ArchitectureSpec
from common.errors import SpaceError, SpecError
from common.tasks import Classification, Task
from server_app.reporting.words import counted
from server_app.spaces.base import Ask, SearchSpace
from server_app.spaces.domains import Choices, Domain
from server_app.spaces.table import Entry, Table

_TASK = Task((1,), Classification(2))
"""A stand-in: no network is lowered, and the default recipe suits every task."""
_BYTES = 4


class TabularSpace(SearchSpace):
    """The entries of a table.

    A mutation changes one digit of the key so that the result is in the table, each such neighbour as likely. A child
    has each digit from one of its parents.

    Parameters
    ----------
    table : Table
        The entries.
    options : Options
        The constraints; the path that they name was read by the caller.

    Raises
    ------
    SpaceError
        A constraint is on a cost that the table does not tell.
    """

    why_offline: ClassVar[str] = "A table tells what networks scored and not what they are, so no node can train them"

    @dataclass(frozen=True)
    class Options:
        """Which table.

        Parameters
        ----------
        table : str, optional
            Path of the file; see `server_app.spaces.table` for its format.
        max_parameters, max_macs : int, optional
            Hard constraints on a spec.
        """

        table: str | None = None
        max_parameters: int | None = None
        max_macs: int | None = None

    def __init__(self, table: Table, options: Options | None = None) -> None:
        options = options or self.Options()
        super().__init__(_TASK, max_parameters=options.max_parameters, max_macs=options.max_macs)
        self.table = table
        self.specs = {key: TabularSpec(key) for key in table.entries}
        self._keys = tuple(table.entries)
        some = table.entries[self._keys[0]]
        for name, limit, cost in (
            ("params", self.max_parameters, some.parameters),
            ("flops", self.max_macs, some.macs),
        ):
            if limit is not None and cost is None:
                raise SpaceError(f"To limit a cost the table must tell its {name}", limit, fix="Leave the limit out")

    def entry(self, spec: ArchitectureSpec) -> Entry:
        """Return what the table tells of a spec.

        Raises
        ------
        SpecError
            It is not in the table.
        """
        key = spec.key if isinstance(spec, TabularSpec) else None
        if key is None or key not in self.table.entries:
            what = counted(len(self._keys), "architecture")
            raise SpecError(f"The table holds {what}, and this is none of them", spec.describe())
        return self.table.entries[key]

    def best(self) -> ArchitectureSpec:
        """Return the architecture that is worth most, of equal ones the first.

        Raises
        ------
        SpaceError
            The constraints allow none.
        """
        legal = list(filter(self.contains, self.enumerate()))
        if not legal:
            what = counted(len(self._keys), "architecture")
            raise SpaceError(
                f"The table holds {what}, and none keeps the constraints",
                {"max_parameters": self.max_parameters, "max_macs": self.max_macs},
                fix="Loosen space.max_parameters or space.max_macs",
            )
        return max(legal, key=lambda spec: self.entry(spec).mean)

    def cost(self, spec: ArchitectureSpec) -> Cost:
        """Return what the table tells of its cost; 0 for what it does not."""
        entry = self.entry(spec)
        parameters = entry.parameters or 0
        return Cost(parameters, 0, entry.macs or 0, _BYTES * parameters)

    def _made(self, ask: Ask) -> ArchitectureSpec:
        digits = (ask(f"table.{place}", Choices(tuple(offered))) for place, offered in enumerate(self.table.alphabets))
        return TabularSpec("".join(digits))

    def answers(self, spec: ArchitectureSpec) -> dict[str, Any]:
        """Return the digits of the key."""
        self._check_membership(spec)
        return {f"table.{place}": digit for place, digit in enumerate(_key(spec))}

    def _draw(self, rng: np.random.Generator) -> ArchitectureSpec:
        """Draw an entry, each as likely, for most digits may make none; or digits of which something is expected."""
        if self.beliefs.expected:
            return self._made(self._drawn(rng))
        return self.specs[self._keys[int(rng.integers(len(self._keys)))]]

    def _mutant(self, spec: ArchitectureSpec, rng: np.random.Generator) -> ArchitectureSpec:
        neighbours = self._neighbours(_key(spec))
        return self.specs[neighbours[int(rng.integers(len(neighbours)))]] if neighbours else self._draw(rng)

    def _neighbours(self, key: str) -> list[str]:
        """Return the keys of the table that differ from `key` in one place."""
        candidates = (
            key[:place] + digit + key[place + 1 :]
            for place, digits in enumerate(self.table.alphabets)
            for digit in digits
            if digit != key[place]
        )
        return [candidate for candidate in candidates if candidate in self.specs]

    def _child(self, a: ArchitectureSpec, b: ArchitectureSpec, rng: np.random.Generator) -> ArchitectureSpec:
        picks = rng.integers(2, size=len(self.table.alphabets))
        return TabularSpec("".join(pair[pick] for *pair, pick in zip(_key(a), _key(b), picks, strict=True)))

    def _check_membership(self, spec: ArchitectureSpec) -> None:
        self.entry(spec)

    def encode(self, spec: ArchitectureSpec) -> NDArray[np.float64]:
        """Return a one-hot vector for each digit, one after the other; as long as all places have digits together."""
        self._check_membership(spec)
        places = zip(_key(spec), self.table.alphabets, strict=True)
        return np.array([float(digit == other) for digit, digits in places for other in digits])

    def choices(self) -> dict[str, Domain]:
        """Return the digits of each place of a key; not all that they make need be in the table."""
        return {f"table.{place}": Choices(tuple(digits)) for place, digits in enumerate(self.table.alphabets)}

    def size(self) -> float:
        """Count the entries."""
        return float(len(self._keys))

    def _enumerate(self) -> Iterator[ArchitectureSpec]:
        return iter(self.specs.values())


def _key(spec: ArchitectureSpec) -> str:
    assert isinstance(spec, TabularSpec)
    return spec.key
