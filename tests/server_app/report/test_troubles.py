from __future__ import annotations

import pytest

from server_app.report.troubles import TITLES, troubles_of
from server_app.reporting.lines import _WARNINGS


def event(kind, time, **fields):
    return {"event": kind, "time": time, **fields}


def test_equal_things_are_one_with_who_and_when():
    found = troubles_of(
        [
            event("absent", 1.0, node="b", trial="trial-0001", round=1, reason="no answer within 30 s"),
            event("round", 2.0, trial="trial-0001"),
            event("absent", 3.0, node="a", trial="trial-0002", round=7, reason="no answer within 45 s"),
            event("absent", 4.0, node="b", trial="trial-0001", round=2, reason="The node failed: it broke"),
            event("node_refused", 5.0, node="c", reason="A node needs a version"),
        ]
    )
    assert [(one["kind"], one["count"], one["nodes"], one["trials"]) for one in found] == [
        ("node_refused", 1, ["c"], []),
        ("absent", 2, ["b", "a"], ["trial-0001", "trial-0002"]),
        ("absent", 1, ["b"], ["trial-0001"]),
    ]
    assert (found[1]["first"], found[1]["last"], found[1]["reason"]) == (1.0, 3.0, "no answer within 30 s")


def test_names_are_told_up_to_twenty():
    found = troubles_of([event("absent", n, node=f"n{n}", reason="late") for n in range(30)])
    assert (found[0]["count"], len(found[0]["nodes"])) == (30, 20)


def test_nothing_went_wrong_where_nothing_did(searched):
    assert [one["kind"] for one in troubles_of(searched.events)] == ["failed"]
    assert troubles_of([event("round", 1.0), event("end", 2.0, status="finished")]) == []


@pytest.mark.parametrize("kind", sorted(_WARNINGS))
def test_all_that_the_log_warns_of_is_told(kind):
    assert kind in TITLES


def test_an_interruption_says_what_has_changed():
    (found,) = troubles_of([event("resuming", 1.0, line=3, changes=["The code has changed."])])
    assert found["reason"] == "The code has changed."
