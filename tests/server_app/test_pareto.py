"""Fronts against the definition, point by point, and distances by hand."""

import doctest
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server_app import pareto
from server_app.pareto import crowding, dominates, fronts, knee, no_worse, nondominated

NUMBERS = st.integers(0, 4).map(float)
"""Few, so that many are equal."""
POINTS = st.integers(1, 4).flatmap(lambda size: st.lists(st.tuples(*[NUMBERS] * size), min_size=1, max_size=12))


def better(one, other):
    return all(a >= b for a, b in zip(one, other, strict=True)) and any(a > b for a, b in zip(one, other, strict=True))


def peeled(points):
    """Fronts by their definition: what nobody dominates is taken away, and so on."""
    rest, found = set(points), []
    while rest:
        best = {point for point in rest if not any(better(other, point) for other in rest)}
        found.append(best)
        rest -= best
    return found


def test_the_examples():
    assert doctest.testmod(pareto).failed == 0
    assert doctest.testmod(pareto).attempted == 3


@given(POINTS)
def test_fronts_are_peeled_one_after_the_other(points):
    assert fronts(points) == peeled(points)
    assert nondominated(points) == peeled(points)[0]


@given(POINTS)
def test_who_dominates_is_at_least_as_good_everywhere_and_better_somewhere(points):
    for one in points:
        for other in points:
            assert dominates(one, other) == better(one, other)
            assert no_worse(one, other) == (better(one, other) or one == other)


def test_with_one_objective_fronts_are_its_values_the_greatest_first():
    assert fronts([(2.0,), (3.0,), (2.0,), (1.0,)]) == [{(3.0,)}, {(2.0,)}, {(1.0,)}]


@given(POINTS)
def test_crowding_is_what_its_definition_says(points):
    front = sorted(peeled(points)[0])
    expected = dict.fromkeys(front, 0.0 if len(front) > 1 else math.inf)
    for axis in range(len(front[0])):
        line = sorted(front, key=lambda point: point[axis])  # stable
        span = line[-1][axis] - line[0][axis]
        for place, point in enumerate(line):
            if span and place in (0, len(line) - 1):
                expected[point] = math.inf
            elif span:
                expected[point] += (line[place + 1][axis] - line[place - 1][axis]) / span
    assert crowding(front) == pytest.approx(expected)
    assert crowding([*front, *front]) == crowding(front), "equal points are one"


@given(POINTS)
def test_the_knee_is_nearest_to_the_ideal_point(points):
    front = sorted(peeled(points)[0])
    best, worst = [[pick(column) for column in zip(*front, strict=True)] for pick in (max, min)]

    def far(point):
        parts = zip(point, best, worst, strict=True)
        return math.dist([0.0] * len(point), [(b - x) / (b - w) if b > w else 0.0 for x, b, w in parts])

    assert far(knee(front)) == pytest.approx(min(map(far, front)))
    assert knee(front) == knee(front[::-1])


def test_of_two_ends_the_one_that_is_best_in_the_first_objective_is_the_knee():
    assert knee([(1.0, 9.0), (2.0, 3.0)]) == (2.0, 3.0)


def test_the_knee_of_one_is_itself():
    assert knee([(1.0, 2.0)]) == (1.0, 2.0)
