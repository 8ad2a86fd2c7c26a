"""What a journal tells of trials, with numbers that follow from its lines."""

from __future__ import annotations

import pytest

from server_app.report.history import history_of, number_of


def test_rows_have_the_last_that_was_told_of_each_trial(searched):
    history = history_of(searched.events)
    rows = history.trials
    assert [rows[n]["state"] for n in range(3)] == ["stopped", "finished", "failed"]
    assert [(rows[n]["rung"], rows[n]["rounds"], rows[n]["value"]) for n in range(3)] == [
        (1, 1, 0.6),
        (2, 2, 0.7),
        (0, 0, None),
    ]
    assert (rows[1]["parent"], rows[2]["failure"]) == (0, "it diverged")
    assert rows[0]["ended"] > rows[0]["began"] == 3.0
    assert [history.specs[n].describe() for n in range(3)] == ["linear 3", "linear 5", "linear 8"]
    assert [rows[n]["architecture"] for n in range(3)] == ["linear 3", "linear 5", "linear 8"]


def test_what_the_run_had_spent_is_the_sum_over_trials_at_each_moment(searched):
    history = history_of(searched.events)
    assert [(score["mac_examples"], score["bytes"]) for score in history.scores] == [
        (1500, 2 * 150),
        (1500 + 2500, 2 * (150 + 300)),
        (1500 + 4500, 2 * (150 + 500)),
    ]
    assert history.spent == {"mac_examples": 6000, "bytes": 1300}
    assert [(one["trial"], one["rung"], one["value"], one["bytes"]) for one in history.best] == [
        (0, 1, 0.6, 300),
        (1, 2, 0.7, 1300),
    ]
    assert (history.trials[1]["mac_examples"], history.trials[1]["bytes"]) == (4500, 1000)


def test_other_stages_cost_as_much_and_are_no_trials(searched):
    searched.proposed(0, 3, label="final").round("final-0000", 1, 50, 10)
    history = history_of(searched.events)
    assert len(history.trials) == 3
    assert history.spent == {"mac_examples": 6010, "bytes": 1400}


def test_members_share_the_ledger_of_their_trial(written):
    written.begin("a").proposed(0)
    written.round("trial-0000.0", 1, 100).round("trial-0000.1", 1, 200).scored("trial-0000", 1, 0.5, 250)
    history = history_of(written.events)
    assert history.spent["bytes"] == 500
    assert (history.trials[0]["rounds"], len(history.scores)) == (1, 1)


@pytest.mark.parametrize(("score", "direction"), [(0.25, "max"), (-0.25, "min")])
def test_the_direction_follows_from_how_a_score_stands_to_its_value(written, score, direction):
    written.begin("a").proposed(0).scored("trial-0000", 1, score, 1, values={"loss": 0.25})
    history = history_of(written.events)
    assert (history.objective, history.direction) == ("loss", direction)


def test_a_kind_of_another_version_is_called_by_its_name(written):
    written.begin("a").proposed(0)
    written.events[-1]["spec"] = {"version": 1, "kind": "hexagonal"}
    history = history_of(written.events)
    assert (history.trials[0]["architecture"], history.specs) == ("hexagonal", {})


@pytest.mark.parametrize(
    ("name", "number"), [("trial-0012", 12), ("trial-0012.3", 12), ("final-0001", None), (None, None), ("trial-", None)]
)
def test_only_trials_of_the_search_have_a_number(name, number):
    assert number_of(name) == number
