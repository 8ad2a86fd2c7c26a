"""Nodes make models of their own of a finished run's winner, without another search (Flower's grid)."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from common.errors import StorageError
from common.models.export import read_model
from server_app.personal_run import run_personal, winner_of
from server_app.run import run
from server_app.run_folder import check_resumable
from server_app.state import config_of


@pytest.fixture(scope="module")
def finished(make_grid, configure, tmp_path_factory):
    """A finished run whose nodes made models of their own."""
    folder, grid = tmp_path_factory.mktemp("finished") / "run", make_grid()
    grid.people("abc")
    config = configure(
        personal={"method": "mix", "epochs": 2}, final={"rounds": 3, "checkpoints": 2}, run={"dir": str(folder)}
    )
    run(grid, {"config": config.to_json()})
    return folder


def again(folder, grid, **changes):
    """Personalize a run's winner; return personal.json."""
    config, place = config_of(folder), folder / "personalize"
    shutil.rmtree(place, ignore_errors=True)
    personal = replace(config.personal, **changes)
    config = replace(config, personal=personal, run=replace(config.run, dir=str(place)))
    run_personal(grid, {"config": config.to_json(), "personalize": str(folder)})
    return json.loads((place / "personal.json").read_text())


def orders(grid):
    return [message.content["order"] for message in grid.sent if "order" in message.content]


def test_the_same_nodes_find_the_same_without_another_search(finished, grid):
    grid.people("abc")
    found = again(finished, grid)
    result = json.loads((finished / "result.json").read_text())
    assert found["personal"] == result["personal"]
    assert (found["status"], found["id"], found["seed"]) == ("finished", result["winner"]["id"], 0)
    assert [order["kind"] for order in orders(grid)] == [["personal"]] * 3
    assert found["mac_examples"]["personal"] == result["mac_examples"]["personal"]
    assert found["bytes"]["personal"] == 3 * result["winner"]["message_bytes"]
    events = [json.loads(line) for line in (finished / "personalize" / "journal.jsonl").read_text().splitlines()]
    told = [event["event"] for event in events]
    assert told == ["start", "node", "node", "node", "personal", "personalized", "end"]


def test_in_another_way_where_that_is_asked(finished, grid):
    grid.people("abc")
    found = again(finished, grid, method="head", epochs=1)["personal"]
    assert (found["method"], found["epochs"], found["rounds"]) == ("head", 1, 3)
    assert all(verdict["coefficient"] is None for verdict in found["by_node"].values())


def test_a_node_with_other_data_is_left_out(finished, grid):
    grid.people("ab")
    grid.person("c", features=5)
    found = again(finished, grid)["personal"]
    assert sorted(found["by_node"]) == ["a", "b"]


def test_the_winner_is_the_model_that_the_run_left(finished):
    winner = winner_of(finished)
    spec, task, weights = read_model(finished / "best")
    assert (winner.trial.spec, winner.task, winner.rounds) == (spec, task, 3)
    np.testing.assert_array_equal(winner.weights, weights)


@pytest.mark.parametrize(
    "changes", [{"winner": None}, {"model": None}, {"model": {"stage": "search"}}, {"final_rounds": None}]
)
def test_a_run_without_a_final_training_has_none(finished, tmp_path, changes):
    result = json.loads((finished / "result.json").read_text())
    (tmp_path / "result.json").write_text(json.dumps({**result, **changes}))
    with pytest.raises(StorageError, match="this run has none"):
        winner_of(tmp_path)
    with pytest.raises(StorageError, match=r"has its result\.json"):
        winner_of(tmp_path / "nowhere")


def test_such_a_run_is_not_resumed(finished, grid):
    grid.people("abc")
    again(finished, grid)
    with pytest.raises(StorageError, match="such a run is not resumed"):
        check_resumable(finished / "personalize")
