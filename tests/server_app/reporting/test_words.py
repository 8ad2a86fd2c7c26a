"""Numbers of things, and times, in words."""

from __future__ import annotations

import pytest

from server_app.reporting.words import clock, counted, listed


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
