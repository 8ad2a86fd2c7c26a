"""What is better, of trials that compare: one order for one objective and for several.

Who keeps all hard constraints is better than who breaks one, and of two that break some the one that breaks less. Else
a trial is better that dominates the other one: so it is constrained domination, of K. Deb et al., "NSGA-II", IEEE
Transactions on Evolutionary Computation 6, 2002, section VI. In an order of all, fronts come one after the other, and
within one who has more room about it, as in section III-B there.

With one objective a front is one score, so all of that is the order by scores. Equal ones are ordered by what decides
a tie, and then by number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby

from server_app.comparison import WHOLE, ByNode, over_common_nodes, standings
from server_app.pareto import Point, crowding, fronts, knee, no_worse, nondominated


@dataclass(frozen=True)
class Entry:
    """A trial among others that it compares with.

    Parameters
    ----------
    number : int
        Of the trial.
    point : tuple of float
        What it is worth in each objective; more is better.
    tie : float
        What decides between equal points; more is better.
    broken : tuple of bool and float
        Whether a hard constraint is broken, and by how much all are; less is better.
    """

    number: int
    point: Point
    tie: float = 0.0
    broken: tuple[bool, float] = (False, 0.0)


def entries(
    numbers: Sequence[int],
    terms: Sequence[Sequence[ByNode]],
    ties: Sequence[ByNode],
    broken: Sequence[tuple[bool, float]],
) -> list[Entry]:
    """Return entries of trials of one rung, compared over the nodes that they have in common.

    Parameters
    ----------
    numbers : sequence of int
        Of the trials.
    terms : sequence of sequences of mappings
        Of each trial: for each objective, the score on each node, or one under `WHOLE`.
    ties : sequence of mappings
        As of `standings`.
    broken : sequence of tuples
        As of `Entry`.
    """
    found = standings([own[0] for own in terms], ties)
    further = [_known(column) for column in zip(*(own[1:] for own in terms), strict=True)]
    points = zip(*([value for value, _ in found], *further), strict=True)
    rows = zip(numbers, points, found, broken, strict=True)
    return [Entry(number, point, tie, own) for number, point, (_, tie), own in rows]


def order(given: Collection[Entry]) -> list[Entry]:
    """Return entries best first.

    Of equal ones all but the first have no room about them, and come last in their front: one is enough.

    Examples
    --------
    Of the first front the ends come first; the fourth is dominated, and the last breaks a constraint:

    >>> points = [(3.0, 3.0), (1.0, 4.0), (4.0, 1.0), (2.0, 2.0)]
    >>> trials = [Entry(number, point) for number, point in enumerate(points)]
    >>> [entry.number for entry in order([*trials, Entry(4, (9.0, 9.0), broken=(True, 0.5))])]
    [1, 2, 0, 3, 4]
    """
    found: list[Entry] = []
    for group in _groups(given):
        places: defaultdict[Point, list[int]] = defaultdict(list)
        for place, entry in enumerate(group):
            places[entry.point].append(place)
        for front in fronts(places):
            found += _by_room([group[place] for place in sorted(place for point in front for place in places[point])])
    return found


def leaders(given: Collection[Entry]) -> list[Entry]:
    """Return those that no other one is better than: first the knee of their front, then as in `order`."""
    first = next(iter(_groups(given)), [])
    if not first:
        return []
    best = nondominated(entry.point for entry in first)
    bend = knee(list(best))
    return sorted(_by_room([entry for entry in first if entry.point in best]), key=lambda entry: entry.point != bend)


def as_good(one: Entry, other: Entry) -> bool:
    """Tell whether an entry is at least as good as another in each objective, and breaks no more constraints."""
    return one.broken <= other.broken and no_worse(one.point, other.point)


def _groups(given: Collection[Entry]) -> list[list[Entry]]:
    """Return entries apart by what they break, the best first; in a group equal points are in their order."""
    by_broken = sorted(given, key=lambda entry: (entry.broken, -entry.tie, entry.number))
    return [list(group) for _, group in groupby(by_broken, key=lambda entry: entry.broken)]


def _by_room(front: Sequence[Entry]) -> list[Entry]:
    """Return the entries of a front, those first that have most room about them."""
    room = crowding(entry.point for entry in front)
    first = {entry.point: entry for entry in reversed(front)}
    return sorted(front, key=lambda entry: -room[entry.point] if first[entry.point] is entry else 0.0)


def _known(column: Sequence[ByNode]) -> list[float]:
    """Return one number for each trial; what is known on the whole has nothing to be compared over."""
    if all(by_node.keys() == {WHOLE} for by_node in column):
        return [by_node[WHOLE][0] for by_node in column]
    return over_common_nodes(column)
