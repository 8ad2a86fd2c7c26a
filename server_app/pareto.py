"""Points in several objectives: which of them are best together, how crowded they lie, and where a front bends.

A point is a tuple of numbers, one an objective, of each of which more is better. One dominates another that is at least
as good in each, and better in one. With one objective all of this says the plain thing: fronts are equal numbers, the
greatest first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

Point = tuple[float, ...]
"""One number an objective; more is better."""

_DIGITS = 12
"""Of a distance; the rest is noise of the arithmetic, which must not decide."""


def no_worse(one: Point, other: Point) -> bool:
    """Tell whether a point is at least as good as another in each objective."""
    return all(a >= b for a, b in zip(one, other, strict=True))


def dominates(one: Point, other: Point) -> bool:
    """Tell whether a point is at least as good as another in each objective, and better in one."""
    return one != other and no_worse(one, other)


def nondominated(points: Iterable[Point]) -> set[Point]:
    """Return the points that no other one dominates."""
    front: list[Point] = []
    for point in sorted(set(points), reverse=True):  # whoever dominates a point comes before it
        if not any(no_worse(other, point) for other in front):
            front.append(point)
    return set(front)


def fronts(points: Iterable[Point]) -> list[set[Point]]:
    """Sort points into fronts: those that nobody dominates, those that only these dominate, and so on.

    That is the non-dominated sorting of K. Deb, A. Pratap, S. Agarwal and T. Meyarivan, "A Fast and Elitist
    Multiobjective Genetic Algorithm: NSGA-II", IEEE Transactions on Evolutionary Computation 6, 2002, section III-A. It
    is done as X. Zhang, Y. Tian, R. Cheng and Y. Jin do it, "An Efficient Approach to Nondominated Sorting for
    Evolutionary Multiobjective Optimization", in the same journal 19, 2015: a point's front is found by bisection, for
    whom a point of one front dominates, one of each front before does, too.

    Returns
    -------
    list of sets of points
        The best first; equal points are one.

    Examples
    --------
    >>> [sorted(front) for front in fronts([(1, 3), (2, 2), (3, 1), (1, 2), (1, 1)])]
    [[(1, 3), (2, 2), (3, 1)], [(1, 2)], [(1, 1)]]
    """
    found: list[list[Point]] = []
    for point in sorted(set(points), reverse=True):
        low, high = 0, len(found)
        while low < high:
            middle = (low + high) // 2
            if any(no_worse(other, point) for other in reversed(found[middle])):
                low = middle + 1
            else:
                high = middle
        if low == len(found):
            found.append([])
        found[low].append(point)
    return [set(front) for front in found]


def crowding(front: Iterable[Point]) -> dict[Point, float]:
    """Return how far apart the neighbours of a front's points lie: the crowding distance of NSGA-II, section III-B.

    For each objective the points are sorted, and each gets the difference of its two neighbours, as a part of the range
    of the front; the distance is the sum. The ends of an objective have no bound on one side: their distance is
    infinite. An objective in which all are equal says nothing. Equal points are one.

    Examples
    --------
    Neighbours of the second point differ by 3 of 4 in both objectives, those of the third by 3 of 4, and by 2 of 4:

    >>> crowding([(0, 4), (1, 2), (3, 1), (4, 0)])
    {(0, 4): inf, (1, 2): 1.5, (3, 1): 1.25, (4, 0): inf}
    """
    points = sorted(set(front))
    distance = dict.fromkeys(points, 0.0 if len(points) > 1 else math.inf)
    for axis in range(len(points[0]) if points else 0):
        line = sorted(points, key=lambda point: (point[axis], point))
        if (span := line[-1][axis] - line[0][axis]) == 0:
            continue
        distance[line[0]] = distance[line[-1]] = math.inf
        for before, point, after in zip(line, line[1:], line[2:], strict=False):
            distance[point] += (after[axis] - before[axis]) / span
    return distance


def knee(front: Sequence[Point]) -> Point:
    """Return the point of a front that gives up least of each objective for the others.

    Each objective is scaled to [0, 1] over the front. The point nearest to the ideal one, which has the best of each,
    is the compromise solution of P. L. Yu, "A Class of Solutions for Group Decision Problems", Management Science 19,
    1973, and M. Zeleny, "Compromise programming", 1973. Where several are as near, the one that is best in the first
    objective is returned, then in the second.

    Parameters
    ----------
    front : sequence of points
        None of which dominates another; at least one.

    Examples
    --------
    The second point has 3/4 of each range, the ends have all of one and nothing of the other:

    >>> knee([(0, 4), (3, 3), (4, 0)])
    (3, 3)
    """
    best, worst = (tuple(map(pick, zip(*front, strict=True))) for pick in (max, min))

    def given_up(point: Point) -> float:
        ends = zip(point, worst, best, strict=True)
        return math.hypot(*((high - x) / (high - low) if high > low else 0.0 for x, low, high in ends))

    return min(front, key=lambda point: (round(given_up(point), _DIGITS), tuple(-x for x in point)))
