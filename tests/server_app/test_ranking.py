"""One order for one objective and for several: by what is broken, fronts, room, ties and numbers."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server_app import ranking
from server_app.ranking import Entry, as_good, entries, leaders, order

KEPT, BROKEN = (False, 0.0), (True, 0.5)


def numbers(found):
    return [entry.number for entry in found]


def test_the_examples():
    assert doctest.testmod(ranking).failed == 0
    assert doctest.testmod(ranking).attempted == 3


ENTRIES = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 2), st.sampled_from([KEPT, (True, 0.25), BROKEN])), max_size=12
).map(lambda rows: [Entry(n, (float(v),), float(tie), broken) for n, (v, tie, broken) in enumerate(rows)])


@given(ENTRIES, st.randoms())
def test_with_one_objective_it_is_the_order_by_score_tie_and_number(found, random):
    expected = sorted(found, key=lambda e: (e.broken, -e.point[0], -e.tie, e.number))
    random.shuffle(found)
    assert order(found) == expected
    same = [e for e in expected if (e.broken, e.point) == (expected[0].broken, expected[0].point)]
    assert leaders(found) == same


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 2, st.booleans()), max_size=10), st.randoms())
def test_nobody_comes_before_who_is_better(rows, random):
    found = [Entry(n, (float(a), float(b)), broken=(bad, 0.0)) for n, (a, b, bad) in enumerate(rows)]
    mixed = list(found)
    random.shuffle(mixed)
    ordered = order(mixed)
    assert ordered == order(found)
    assert sorted(numbers(ordered)) == list(range(len(found)))
    place = {entry: number for number, entry in enumerate(ordered)}
    for one in found:
        for other in found:
            if as_good(one, other) and (one.broken, one.point) != (other.broken, other.point):
                assert place[one] < place[other]
    best = leaders(mixed)
    assert set(best) == {e for e in found if not any(as_good(o, e) and not as_good(e, o) for o in found)} - (
        {e for e in found if e.broken[0]} if any(not e.broken[0] for e in found) else set()
    )


def test_equal_points_have_room_for_one():
    """The ends are twice each; the second of each comes after the middle one, which has room on both sides."""
    points = [(0.0, 2.0), (0.0, 2.0), (1.0, 1.0), (2.0, 0.0), (2.0, 0.0)]
    found = [Entry(n, point, tie=1.0 if n == 1 else 0.0) for n, point in enumerate(points)]
    assert numbers(order(found)) == [1, 3, 2, 0, 4]
    assert numbers(leaders(found)) == [2, 1, 3, 0, 4], "the knee first"


def test_who_breaks_less_comes_first_among_those_that_break_a_constraint():
    found = [Entry(0, (9.0,), broken=(True, 0.5)), Entry(1, (1.0,), broken=(True, 0.25)), Entry(2, (0.0,))]
    assert numbers(order(found)) == [2, 1, 0]
    assert numbers(leaders(found)) == [2]
    assert numbers(leaders(found[:2])) == [1], "where all do, those that break least lead"


def test_nobody_leads_nobody():
    assert (order([]), leaders([]), entries([], [], [], [])) == ([], [], [])


def test_every_objective_is_compared_over_the_nodes_in_common():
    """The first trial lacks the hard node; on the other one it is worse in one objective, and equal in one."""
    terms = [
        [{"easy": (0.8, 1)}, {"easy": (0.5, 1)}],
        [{"easy": (0.9, 1), "hard": (0.1, 1)}, {"easy": (0.5, 1), "hard": (0.3, 1)}],
    ]
    one, other = entries([0, 1], terms, [{}, {}], [KEPT, KEPT])
    assert one.point == pytest.approx((0.4, 0.4))
    assert other.point == pytest.approx((0.5, 0.4))
    assert numbers(leaders([one, other])) == [1]


def test_what_is_known_on_the_whole_is_compared_as_it_is():
    terms = [[{"a": (0.5, 3)}, {"": (-29.897352854, 1)}], [{"b": (0.5, 3)}, {"": (-29.897352855, 1)}]]
    one, other = entries([0, 1], terms, [{}, {}], [KEPT, KEPT])
    assert one.point[1] > other.point[1], "a digit more than scores have"
