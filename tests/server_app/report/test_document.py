"""The document of a run: of a folder that was written by hand, and of real ones."""

from __future__ import annotations

import json

import pytest

from common.errors import StorageError
from server_app.report.document import document_of
from server_app.run import run

KEYS = {
    *("format", "kind", "run", "objective", "metric", "trials", "questions", "scores", "best", "curves", "lineage"),
    *("fronts", "choices", "nodes", "costs", "troubles", "leaving", "models", "graph", "spent", "ledgers", "events"),
}


def test_trials_are_ranked_as_far_as_they_have_a_score(searched, tmp_path):
    found = document_of(searched.folder(tmp_path / "run"))
    assert found.keys() == KEYS
    assert [(row["number"], row["place"]) for row in found["trials"]] == [(1, 1), (0, 2), (2, None)]
    assert found["objective"] == {"name": "accuracy", "direction": "max"}
    assert (found["run"]["status"], found["run"]["seed"], found["events"]) == ("running", 7, len(searched.events))
    assert found["run"]["choices"]["space"] == "layered"


def test_history_decides_about_places_where_there_is_one(searched, tmp_path):
    rows = [{"number": 0, "mac_examples": 11}, {"number": 1, "mac_examples": 22}]
    found = document_of(searched.folder(tmp_path / "run", history=rows))
    assert [(row["number"], row["place"], row["mac_examples"]) for row in found["trials"]] == [
        (0, 1, 11),
        (1, 2, 22),
        (2, None, 0),
    ]


def test_what_trials_chose_is_told_by_question(searched, tmp_path):
    found = document_of(searched.folder(tmp_path / "run"))
    assert found["questions"] == [{"name": "layers.0.width", "answers": ["3", "5", "8"]}]
    assert {row["number"]: row["chosen"] for row in found["trials"]} == {0: [0], 1: [1], 2: [2]}
    # the best so far is a child of the first
    assert found["lineage"] == [
        {"trial": 0, "changes": []},
        {"trial": 1, "changes": [["layers.0.width", "3", "5"]]},
    ]
    assert found["graph"]["described"] == "linear 5"
    assert found["graph"]["svg"].startswith("<svg")


def test_of_a_run_that_was_killed_the_journal_tells(searched, tmp_path):
    folder = searched.folder(tmp_path / "run")
    for name in ("result.json", "config.yaml"):
        (folder / name).unlink()
    with (folder / "journal.jsonl").open("a") as file:
        file.write('{"n": 99, "event": "sco')  # half a line
    found = document_of(folder)
    assert (found["run"]["status"], len(found["trials"]), found["best"][-1]["value"]) == ("running", 3, 0.7)
    assert (found["questions"], found["graph"], found["models"]["roles"]) == ([], None, [])


def test_what_an_earlier_end_left_is_not_told_of_a_run_that_goes_on(searched, tmp_path):
    folder = searched.folder(tmp_path / "run", {"status": "stopped", "winner": {"trial": 0}}, [{"number": 0}])
    (folder / "state.json").write_text("{}")
    found = document_of(folder)
    assert (found["run"]["status"], found["trials"][0]["number"]) == ("running", 1)
    assert found["graph"]["described"] == "linear 5"  # of the best so far


def test_the_end_says_how_and_why(searched, tmp_path):
    searched.add("end", status="failed", message="The disk was full.")
    told = document_of(searched.folder(tmp_path / "run"))["run"]
    assert (told["status"], told["message"], told["seconds"]) == (
        "failed",
        "The disk was full.",
        searched.events[-1]["time"],
    )


@pytest.mark.parametrize(("file", "rule"), [("x", "A report is of a run"), ("proxies.json", "A report is of a search")])
def test_what_is_no_search_is_refused(searched, tmp_path, file, rule):
    folder = searched.folder(tmp_path / "run")
    (folder / file).write_text("{}")
    if file == "x":
        (folder / "journal.jsonl").unlink()
    with pytest.raises(StorageError, match=rule):
        document_of(folder)


def test_a_real_run_is_told_whole(grid, configure, tmp_path):
    grid.people("abc")
    folder = tmp_path / "run"
    run(grid, {"config": configure(run={"dir": str(folder), "name": "tiny"}).to_json()})
    found = document_of(folder)
    result, history = (json.loads((folder / name).read_text()) for name in ("result.json", "history.json"))
    assert (found["run"]["status"], found["run"]["name"]) == ("finished", "tiny")
    assert [row["number"] for row in found["trials"]] == [row["number"] for row in history]
    for row, told in zip(history, found["trials"], strict=True):
        assert (told["id"], told["value"], told["rounds"]) == (row["spec_id"], row["score"], row["rounds"])
        assert told["bytes"] == row["bytes_down"] + row["bytes_up"]
        assert told["mac_examples"] == row["mac_examples"]
    # what the journal adds up to is what the result has
    assert found["scores"][-1]["mac_examples"] == result["mac_examples"]["search"]
    assert found["scores"][-1]["bytes"] == result["bytes"]["search"]
    assert found["spent"]["bytes"] == sum(result["bytes"].values())
    winner = found["models"]["roles"][0]
    assert (winner["role"], winner["trial"]) == ("winner", result["winner"]["trial"])
    assert found["nodes"]["source"] == "test"
    assert found["nodes"]["summary"]["winner"]["mean"] == pytest.approx(result["winner"]["test"]["accuracy"])
    assert {row["name"] for row in found["nodes"]["rows"]} == set("abc")
    assert [stage["stage"] for stage in found["costs"]["stages"]] == ["start_up", "search", "final"]
    assert found["troubles"] == []
    assert json.loads(json.dumps(found)) == found
