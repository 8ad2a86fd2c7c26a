from __future__ import annotations

import pytest

from server_app.report.lineage import changes_between, lineage_of

CHOSEN = {0: {"layers": 1, "width": 8}, 1: {"layers": 1, "width": 16}, 3: {"layers": 2, "width": 16, "skip": None}}
TRIALS = {number: {"parent": parent} for number, parent in ((0, None), (1, 0), (2, 0), (3, 1))}


def test_the_eldest_comes_first_and_each_step_says_what_it_changed():
    assert lineage_of(3, TRIALS, CHOSEN) == [
        {"trial": 0, "changes": []},
        {"trial": 1, "changes": [["width", 8, 16]]},
        {"trial": 3, "changes": [["layers", 1, 2]]},
    ]


def test_of_what_is_not_known_nothing_is_said_to_have_changed():
    assert lineage_of(2, TRIALS, CHOSEN)[-1] == {"trial": 2, "changes": []}


@pytest.mark.parametrize("number", [None, 99])
def test_what_is_no_trial_has_no_lineage(number):
    assert lineage_of(number, TRIALS, CHOSEN) == []


def test_a_journal_in_which_parents_go_round_ends():
    assert [one["trial"] for one in lineage_of(1, {0: {"parent": 1}, 1: {"parent": 0}}, {})] == [0, 1]


def test_what_only_one_was_asked_is_a_change():
    assert changes_between({"a": 1}, {"a": 1, "b": 2}) == [["b", None, 2]]
    assert changes_between({"a": 1, "b": 2}, {"a": 3}) == [["a", 1, 3], ["b", 2, None]]
