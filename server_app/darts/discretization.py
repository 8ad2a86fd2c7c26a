"""Which plain networks a mixed one comes to, the strongest first.

What is chosen falls into parts that do not depend on each other. Each has its alternatives, of which the best comes
first; a network takes one of each part, and is the worse the more probability its alternatives have less than the best.
So the second is the one that differs in what costs least, and so on, until something is legal.

    DARTS           a part is a node, which reads the two places whose strongest operations, none aside, are strongest
                    (H. Liu et al., ICLR 2019, section 2.4); its alternatives are other operations and other places
    NAS-Bench-201   a part is an edge, and its alternatives are operations, none among them (X. Dong & Y. Yang, ICLR
                    2020)
    others          a part is a place, and its alternatives are blocks or layers
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from common.architecture.kinds.cell import CellSpec
from common.architecture.kinds.cells import FORMS, NONE
from common.errors import SpecError
from server_app.darts.collapse import has_collapsed, with_fewer_skips
from server_app.darts.growth import grown

if TYPE_CHECKING:
    from common.architecture.spec import ArchitectureSpec
    from server_app.darts.mixture import Mixture
    from server_app.spaces.base import SearchSpace

TRIED = 2000
"""Networks among which legal ones are looked for; they are made of the strongest options, and most are legal."""

Alternative = tuple[float, Mapping[str, Any]]
"""How much probability it has, and by place what is chosen."""


def strongest(mixture: Mixture) -> Iterator[dict[str, Any]]:
    """Yield by place which option is chosen, the strongest network first, until all were yielded.

    Of a cell in the form of DARTS only the edges are places that are read.
    """
    parts = _parts(mixture)
    for found in _best_first([[strength for strength, _ in part] for part in parts]):
        yield {
            place: option for part, index in zip(parts, found, strict=True) for place, option in part[index][1].items()
        }


def found_in(mixture: Mixture, space: SearchSpace, count: int, max_skips: int | None) -> list[ArchitectureSpec]:
    """Return the strongest networks that are legal, each as large as may be, the best first.

    Parameters
    ----------
    mixture : Mixture
        What a search came to.
    space : SearchSpace
        What is legal, and which sizes there are.
    count : int
        How many; fewer where `TRIED` of the strongest hold no more.
    max_skips : int, optional
        Those that have collapsed by it are left out; see `has_collapsed` and `with_fewer_skips`.
    """
    found: dict[ArchitectureSpec, None] = {}
    if (best := next(strongest(mixture), None)) is not None:
        mixture = with_fewer_skips(mixture, best, max_skips)
    for chosen in itertools.islice(strongest(mixture), TRIED):
        if has_collapsed(mixture.spec, chosen, max_skips):
            continue
        with suppress(SpecError):  # such as a cell that leads nowhere
            spec = mixture.spec.plain(chosen)
            space.check(spec)
            found[grown(spec, space)] = None
        if len(found) == count:
            break
    return list(found)


def _best_first(strengths: Sequence[Sequence[float]]) -> Iterator[tuple[int, ...]]:
    """Yield which alternative of each part, those first that lose least in sum to the best; each list falls.

    Of those that lose as much the one comes first whose indices do.
    """
    first = (0,) * len(strengths)
    waiting, seen = [(0.0, first)], {first}
    while waiting:
        _, found = heapq.heappop(waiting)
        yield found
        for part, index in enumerate(found):
            other = (*found[:part], index + 1, *found[part + 1 :])
            if index + 1 < len(strengths[part]) and other not in seen:
                seen.add(other)
                losses = (own[0] - own[at] for own, at in zip(strengths, other, strict=True))
                heapq.heappush(waiting, (math.fsum(losses), other))


def _parts(mixture: Mixture) -> list[list[Alternative]]:
    frame, chosen = mixture.spec.frame, _by_place(mixture)
    if isinstance(frame, CellSpec) and FORMS[frame.form].joins:
        nodes: defaultdict[str, dict[str, list[tuple[float, Any]]]] = defaultdict(dict)
        for place, options in chosen.items():
            nodes[place.rpartition(".")[0]][place] = [pair for pair in options if pair[1] != NONE]
        return [_of_node(edges, FORMS[frame.form].edges) for edges in nodes.values()]
    return [[(value, {place: option}) for value, option in options] for place, options in chosen.items()]


def _by_place(mixture: Mixture) -> dict[str, list[tuple[float, Any]]]:
    """Return by place its options with their probabilities, the most likely first."""
    found = {}
    for choice, values in zip(mixture.spec.choices, mixture.probabilities, strict=True):
        pairs = list(zip(values, choice.options, strict=True))
        found[choice.place] = sorted(pairs, key=lambda pair: -pair[0])
    return found


def _of_node(edges: Mapping[str, list[tuple[float, Any]]], most: int) -> list[Alternative]:
    """Return the alternatives of a node in the form of DARTS: so many of its edges, each with an operation."""
    found: list[Alternative] = []
    for read in itertools.combinations(edges, min(most, len(edges))):
        for operations in itertools.product(*(edges[place] for place in read)):
            strength = math.fsum(value for value, _ in operations)
            found.append((strength, {place: name for place, (_, name) in zip(read, operations, strict=True)}))
    return sorted(found, key=lambda alternative: -alternative[0])
