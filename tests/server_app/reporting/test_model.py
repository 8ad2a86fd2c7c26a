"""The model that a run left, in one sentence, from the folder of a real run."""

from __future__ import annotations

import json
import shutil

import pytest

from server_app.reporting.model import kept_model


@pytest.fixture
def folder(eventful, tmp_path):
    return shutil.copytree(eventful.folder, tmp_path / "run")


def rewrite(path, change):
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def test_it_is_named_with_its_score_its_rung_and_its_place(eventful, folder):
    winner = eventful.result["winner"]
    found = f"{winner['architecture']} (trial-{winner['trial']:04d}), accuracy {winner['score']:.4f} at rung 2"
    assert kept_model(folder) == (
        f"Best model so far: {found}; with the weights of 1 round of the final training in {folder}/best"
    )


def test_where_the_search_was_stopped_its_weights_are_those_of_the_search(folder):
    trained = {"stage": "search", "rounds": 2}
    rewrite(folder / "best" / "spec.json", lambda kept: kept["metadata"].update(trained=trained))
    rewrite(folder / "history.json", lambda trials: trials[0].update(feasible=False))
    words = " at rung 2, but breaks a hard constraint; with the weights of 2 rounds of the search in "
    assert words in kept_model(folder)


def test_a_run_without_a_score_keeps_none(folder):
    shutil.rmtree(folder / "best")
    assert kept_model(folder) is None


def test_what_an_earlier_end_left_is_not_called_the_best_so_far(folder):
    with (folder / "journal.jsonl").open("a") as journal:
        journal.write(json.dumps({"event": "resuming", "time": 9.0, "changes": []}) + "\n")
    assert kept_model(folder) is None
    assert kept_model(folder / "missing") is None


@pytest.mark.parametrize("name", ["history.json", "best/spec.json", "journal.jsonl"])
def test_what_cannot_be_read_is_passed_over(folder, name):
    (folder / name).write_text("{")
    assert kept_model(folder) is None
