"""Numbers of things, and times, in words."""

from __future__ import annotations

import pytest

from server_app.reporting.words import clock, counted, listed, shortened, size


def test_one_is_no_plural():
    assert [counted(number, "trial") for number in (0, 1, 2, 1234)] == [
        "0 trials",
        "1 trial",
        "2 trials",
        "1,234 trials",
    ]
    assert [counted(number, "class", "classes") for number in (1, 2)] == ["1 class", "2 classes"]


def test_several_things_are_joined_as_people_do():
    assert [listed("abc"[:count]) for count in (1, 2, 3)] == ["a", "a and b", "a, b and c"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (60, "1:00 min"), (605, "10:05 min"), (3599.6, "1:00:00 h"), (7505, "2:05:05 h")],
)
def test_times_are_for_people(seconds, text):
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 "),
        (999, "999 "),
        (1000, "1.0 k"),
        (999_960, "1.0 M"),
        (2.5e6, "2.5 M"),
        (3e9, "3.0 G"),
        (4.25e12, "4.2 T"),
    ],
)
def test_large_numbers_have_a_prefix(number, text):
    assert shortened(number) == text


def test_bytes_are_in_units_of_a_thousand():
    assert [size(number) for number in (12, 1234, 5e15, 2e18)] == ["12 B", "1.2 kB", "5.0 PB", "2.0 EB"]
