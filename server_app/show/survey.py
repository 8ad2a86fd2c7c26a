"""What a search space holds, by a sample of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from common.errors import SpecError

if TYPE_CHECKING:
    from common.architecture.cost import Cost
    from common.architecture.spec import ArchitectureSpec
    from server_app.spaces.base import SearchSpace

_STEPS = (1, 2, 5)


@dataclass(frozen=True)
class Survey:
    """Legal draws from a space.

    Parameters
    ----------
    found : tuple of (ArchitectureSpec, Cost)
        In the order in which they were drawn; a spec may come again.
    draws : int
        How many it took.
    broken : dict of str to int
        How many of these were not legal, by the reason.
    """

    found: tuple[tuple[ArchitectureSpec, Cost], ...]
    draws: int
    broken: dict[str, int]

    @property
    def different(self) -> tuple[tuple[ArchitectureSpec, Cost], ...]:
        """Those that were found, each once."""
        return tuple(dict(self.found).items())


@dataclass(frozen=True)
class Bin:
    """How many values lie in [`low`, `high`)."""

    low: int
    high: int
    count: int


def survey(space: SearchSpace, rng: np.random.Generator, wanted: int, most: int) -> Survey:
    """Draw until so many specs are legal.

    Parameters
    ----------
    space : SearchSpace
        Whose constraints count.
    rng : Generator
        For the draws.
    wanted : int
        Legal specs.
    most : int
        Draws, after which it ends with fewer.
    """
    found: list[tuple[ArchitectureSpec, Cost]] = []
    broken: Counter[str] = Counter()
    for spec, error in islice(space.draws(rng), most):
        if error is None:
            found.append((spec, space.cost(spec)))
        else:
            broken[_reason(space, spec)] += 1
        if len(found) == wanted:
            break
    return Survey(tuple(found), len(found) + broken.total(), dict(broken.most_common()))


def _reason(space: SearchSpace, spec: ArchitectureSpec) -> str:
    """Return which rule a spec breaks first: the input, then one of the constraints, then another of the space's."""
    try:
        cost = space.cost(spec)
    except SpecError:
        return "that do not fit the input"
    if space.max_parameters is not None and cost.parameters > space.max_parameters:
        return f"with more than {space.max_parameters:,} parameters"
    if space.max_macs is not None and cost.macs > space.max_macs:
        return f"with more than {space.max_macs:,} MACs"
    if space.max_message_bytes is not None and cost.message_bytes > space.max_message_bytes:
        return f"with more than {space.max_message_bytes:,} bytes in a message"
    return "that the space does not hold"


def landmarks(values: Sequence[int]) -> tuple[int, int, int, int]:
    """Return the least of some values, the median, the least that 95 % do not exceed, and the greatest.

    Each is one of the values.
    """
    ordered = sorted(values)
    at = [ordered[math.ceil(share * len(ordered)) - 1] for share in (0.5, 0.95)]
    return ordered[0], at[0], at[1], ordered[-1]


def histogram(values: Sequence[int]) -> tuple[Bin, ...]:
    """Count whole numbers from 0 on in bins with the borders 0, 1, 2, 5, 10, 20, 50 ..., about equal in the logarithm.

    The first and the last bin hold a value; those between may be empty.
    """
    borders = [0]
    while borders[-1] <= max(values):
        decade, step = divmod(len(borders) - 1, len(_STEPS))
        borders.append(_STEPS[step] * 10**decade)
    counts, _ = np.histogram(values, [*borders[:-1], borders[-1] - 0.5])  # its last bin is closed
    held = np.flatnonzero(counts)
    kept = range(held[0], held[-1] + 1)
    return tuple(Bin(borders[place], borders[place + 1], int(counts[place])) for place in kept)
