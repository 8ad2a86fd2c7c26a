from __future__ import annotations

import pytest

from server_app.report.costs import costs_of
from server_app.report.history import history_of


def test_stages_are_those_of_the_result_with_the_part_of_the_time_that_nodes_computed():
    result = {
        "seconds": {"start_up": 2.0, "search": 10.0, "final": 4.0},
        "mac_examples": {"search": 100, "final": 50},
        "node_seconds": {"search": 15.0, "final": 4.0},
        "bytes": {"search": 1000, "final": 500},
        "counts": {"nodes": 3, "messages": 12},
    }
    found = costs_of([], result, {})
    assert [stage["name"] for stage in found["stages"]] == ["start-up", "search", "final training"]
    assert [stage["busy"] for stage in found["stages"]] == [None, pytest.approx(15 / 10 / 3), pytest.approx(4 / 4 / 3)]
    assert (found["nodes"], found["counts"]["messages"]) == (3, 12)


def test_of_a_run_that_is_under_way_the_journal_tells(searched):
    searched.proposed(0, 3, label="finalist").round("finalist-0000", 1, 50, 10)
    found = costs_of(searched.events, {}, history_of(searched.events).ledgers)
    start, search, finalists = found["stages"]
    # of one event a second, start and two nodes come first, then three proposals; the finalist is the last but one
    assert (start["seconds"], search["seconds"], finalists["seconds"]) == (3.0, len(searched.events) - 2 - 3.0, 1.0)
    assert (search["mac_examples"], search["bytes"]) == (6000, 1300)
    assert (finalists["mac_examples"], finalists["bytes"]) == (10, 100)
    assert search["node_seconds"] is search["busy"] is None
    assert found["nodes"] == 2


def test_a_journal_of_before_there_were_trials_has_its_start_only(written):
    written.begin("a")
    assert [(one["name"], one["seconds"]) for one in costs_of(written.events, {}, {})["stages"]] == [("start-up", 1.0)]


def test_models_of_the_nodes_own_are_a_stage(searched):
    searched.add("personal", trial="personal-0000")
    searched.add("personalized", trial="personal-0000", num_nodes=2)
    last = costs_of(searched.events, {}, {})["stages"][-1]
    assert (last["name"], last["seconds"]) == ("nodes' own models", 1.0)
