"""One run, from its run config to its run folder, with nodes in this process."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from client_app.app import app
from common.config import compose_config, from_yaml
from common.errors import ConfigError, FederationError, SearchError, StorageError
from common.models.builder import flat_state
from common.models.export import load_model
from common.preprocessing.scaling import Scaling
from common.tasks import Classification, Task
from server_app.results import write_results
from server_app.run import read_config, run

COMPLETE = {"config.yaml", "journal.jsonl", "history.json", "result.json", "best/spec.json", "best/model.safetensors"}


class Folder:
    """A run folder as people find it."""

    def __init__(self, path):
        self.path = path

    @property
    def files(self):
        return {file.relative_to(self.path).as_posix() for file in self.path.rglob("*") if file.is_file()}

    @property
    def events(self):
        return [json.loads(line) for line in (self.path / "journal.jsonl").read_text().splitlines()]

    def read(self, name):
        return json.loads((self.path / name).read_text())


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "run")


@pytest.fixture
def tiny(configure, folder):
    """A run config of a tiny search, from changes to it."""

    def make(**changes):
        config = configure(**{**changes, "run": {"dir": str(folder.path), "name": "tiny", **changes.get("run", {})}})
        return {"config": config.to_json(), "overrides": ""}

    return make


def broken(message, context):
    if message.metadata.message_type == "query":
        return app(message, context)
    raise RuntimeError("the sensor is unplugged")


def test_a_run_leaves_its_folder_complete(grid, tiny, folder):
    grid.people("abc")
    run(grid, tiny(seed=5))
    assert folder.files == COMPLETE
    events = [event["event"] for event in folder.events]
    assert (events[0], events[-1]) == ("start", "end")
    assert folder.events[0].items() >= {"name": "tiny", "seed": 5, "folder": str(folder.path)}.items()
    assert folder.events[-1].items() >= {"status": "finished", "message": ""}.items()
    assert from_yaml((folder.path / "config.yaml").read_text()).seed == 5
    assert len(folder.read("history.json")) == 3


def test_the_result_agrees_with_the_journal_and_the_history(grid, tiny, folder):
    grid.people("abc")
    run(grid, tiny())
    result, history = folder.read("result.json"), folder.read("history.json")
    assert (result["status"], result["name"], result["seed"]) == ("finished", "tiny", 0)
    assert result["winner"]["spec"] == history[0]["spec"]
    assert result["winner"]["score"] == history[0]["score"] == max(trial["score"] for trial in history)
    tested = {event["trial"]: event["metrics"] for event in folder.events if event["event"] == "scored"}
    assert result["winner"]["test"] == tested["final-0000"]
    assert result["baseline"]["test"] == tested["final-0001"]
    assert set(result["seconds"]) == {"start_up", "search", "final"}


def test_the_model_is_the_one_that_was_tested(grid, tiny, folder):
    grid.people("abc")
    run(grid, tiny())
    model, description = load_model(folder.path / "best"), folder.read("best/spec.json")
    result = folder.read("result.json")
    assert description["id"] == result["winner"]["id"]
    assert description["metadata"] == {
        "score": result["winner"]["score"],
        "test": result["winner"]["test"],
        "trained": {"stage": "final", "rounds": 1, "run": 0},
        "seed": 0,
        "num_classes": 3,
        "classes": [],
    }
    assert flat_state(model).numel() == result["winner"]["parameters"]
    with torch.no_grad():
        assert model(torch.zeros(2, 4)).shape == (2, 3)


def test_overrides_are_words_as_after_flwr_run(grid, folder):
    for index in range(3):
        grid.join(partition_id=index, num_partitions=3)
    words = (
        "controller=random fidelity=full fidelity.max_rounds=1 search.trials=2 search.concurrency=2 final.rounds=1 "
        f"space.max_layers=1 'space.width=[8, 16]' training.epochs=1 seed=3 run.dir='{folder.path}'"
    )
    run(grid, {"config": "", "overrides": words})
    assert folder.files == COMPLETE
    result = folder.read("result.json")
    assert (result["seed"], result["counts"]["nodes"], result["counts"]["trials"]) == (3, 3, 2)
    scaling = Scaling.from_dict(result["task"]["scaling"])
    assert Task.from_dict(result["task"]) == Task((1, 8, 8), Classification(10), scaling)
    assert (result["task"]["num_classes"], result["task"]["classes"]) == (10, [])


def test_the_same_seed_gives_the_same_run_folder(make_grid, configure, tmp_path):
    def once(name):
        grid = make_grid()
        grid.people("abc")
        run(grid, {"config": configure(seed=9, run={"dir": str(tmp_path / name)}).to_json()})
        return Folder(tmp_path / name)

    one, other = once("one"), once("other")
    assert one.read("history.json") == other.read("history.json")
    weights = [flat_state(load_model(run.path / "best")).numpy() for run in (one, other)]
    np.testing.assert_array_equal(*weights)


# ---------------------------------------------------------------- ends before its time


def test_a_final_training_that_fails_fails_the_run_and_keeps_the_searchs_model(grid, tiny, folder):
    def broken_in_the_final(message, context):
        if "order" in message.content and message.content["order"]["trial"][0].startswith("final"):
            raise RuntimeError("the battery is empty")
        return app(message, context)

    for name in "abc":
        grid.person(name, broken_in_the_final)
    with pytest.raises(SearchError):
        run(grid, tiny())
    end = folder.events[-1]
    assert end["status"] == "failed"
    assert end["message"].startswith("The final training of the winner failed (Round 1 failed")
    assert end["message"].endswith("best/ keeps the winner as the search left it.")
    result, description = folder.read("result.json"), folder.read("best/spec.json")
    assert (result["status"], result["model"]) == ("failed", {"stage": "search", "rounds": 2})
    assert description["id"] == result["winner"]["id"]
    assert (description["metadata"]["test"], description["metadata"]["trained"]) == ({}, result["model"])
    assert flat_state(load_model(folder.path / "best")).numel() == result["winner"]["parameters"]


def test_an_interrupt_in_the_final_training_keeps_the_searchs_model(grid, tiny, folder):
    def ask_to_stop(message, context):
        if "order" in message.content and message.content["order"]["trial"][0].startswith("final"):
            (folder.path / "stop").touch()
        return app(message, context)

    for name in "abc":
        grid.person(name, ask_to_stop)
    run(grid, tiny(final={"rounds": 5}))
    assert folder.events[-1]["status"] == "stopped"
    assert folder.read("result.json")["model"] == {"stage": "search", "rounds": 2}
    assert (folder.path / "best" / "model.safetensors").is_file()


def test_too_few_nodes_fail_the_run_and_the_journal_says_why(grid, tiny, folder):
    with pytest.raises(FederationError):
        run(grid, tiny(federation={"patience": 0.02}))
    assert folder.files == {"config.yaml", "journal.jsonl"}
    assert [event["event"] for event in folder.events] == ["start", "end"]
    assert folder.events[-1]["status"] == "failed"
    assert folder.events[-1]["message"].startswith("The search needs 1 node within 0.02 s, but 0 were there")


def test_a_search_in_which_all_fails_keeps_its_history(grid, tiny, folder):
    for name in "abc":
        grid.person(name, broken)
    with pytest.raises(SearchError):
        run(grid, tiny())
    assert folder.files == {"config.yaml", "journal.jsonl", "history.json", "result.json", "state.json"}
    assert all("the sensor is unplugged" in trial["failure"] for trial in folder.read("history.json"))
    result = folder.read("result.json")
    assert (result["status"], result["winner"], result["counts"]["states"]) == ("failed", None, {"failed": 3})
    assert "every trial failed" in folder.events[-1]["message"]


def test_a_stop_file_ends_the_run_and_keeps_what_it_found(grid, tiny, folder):
    def stop_in_the_second_trial(message, context):
        content = message.content.config_records.get("order")
        if content is not None and "trial-0001" in content["trial"]:
            (folder.path / "stop").touch()
            return None
        return app(message, context)

    for name in "abc":
        grid.person(name, stop_in_the_second_trial)
    run(grid, tiny(search={"concurrency": 1}))
    assert folder.events[-1].items() >= {"status": "stopped", "message": "The run was asked to stop."}.items()
    assert "stop" not in folder.files
    history, result = folder.read("history.json"), folder.read("result.json")
    assert [trial["state"] for trial in history] == ["finished", "running"]
    assert result["status"] == "stopped"
    assert result["winner"]["id"] == history[0]["spec_id"]
    assert result["winner"]["test"] == {}
    assert result["baseline"] is None


def test_a_request_to_stop_that_came_too_late_is_not_left_behind(grid, tiny, folder, monkeypatch):
    def finish(path, *rest):
        (path / "stop").touch()
        return write_results(path, *rest)

    monkeypatch.setattr("server_app.run.write_results", finish)
    grid.people("abc")
    run(grid, tiny())
    assert folder.events[-1]["status"] == "finished"
    assert folder.files == COMPLETE


def test_a_programming_error_is_raised_and_journalled(grid, tiny, folder, monkeypatch):
    def vanish():
        raise RuntimeError("the SuperLink is gone")

    monkeypatch.setattr(grid, "get_node_ids", vanish)
    with pytest.raises(RuntimeError, match="SuperLink is gone"):
        run(grid, tiny())
    assert folder.events[-1].items() >= {"status": "failed", "message": "RuntimeError: the SuperLink is gone"}.items()


def test_a_wrong_option_is_said_before_a_node_is_asked(grid, tiny, folder):
    grid.people("abc")
    with pytest.raises(ConfigError, match="fidelity"):
        run(grid, tiny(fidelity={"name": "full", "max_rounds": 0}))
    assert grid.sent == []
    assert "fidelity.max_rounds" in folder.events[-1]["message"]


def test_a_second_run_does_not_touch_the_first_ones_folder(grid, tiny, folder):
    grid.people("abc")
    run(grid, tiny())
    before = {name: (folder.path / name).read_bytes() for name in folder.files}
    with pytest.raises(StorageError, match=r"folder of its own.*Set another run\.dir"):
        run(grid, tiny(seed=1))
    assert {name: (folder.path / name).read_bytes() for name in folder.files} == before


@pytest.mark.parametrize("name", ["history.json", "result.json", "best"])
def test_results_that_cannot_be_written_fail_the_run_and_the_journal_says_so(grid, tiny, folder, name):
    grid.people("abc")
    if name == "best":
        folder.path.mkdir()
        (folder.path / name).write_text("in the way")
    else:
        (folder.path / name).mkdir(parents=True)
    run(grid, tiny())
    assert folder.events[-1]["status"] == "failed"
    assert str(folder.path / name) in folder.events[-1]["message"]


def test_a_configuration_that_cannot_be_written_ends_the_journal_too(grid, tiny, folder):
    grid.people("abc")
    (folder.path / "config.yaml").mkdir(parents=True)
    with pytest.raises(StorageError, match=r"config\.yaml"):
        run(grid, tiny())
    assert [event["event"] for event in folder.events] == ["start", "end"]
    assert grid.sent == []


# ---------------------------------------------------------------- the parts


def test_flower_decides_how_many_nodes_flwr_run_simulates():
    assert read_config({"overrides": "federation.nodes=20"}).federation.nodes is None
    config = compose_config(["federation.nodes=20"])
    assert read_config({"config": config.to_json()}) == config


@pytest.mark.parametrize(
    ("run_config", "words"),
    [
        ({"overrides": "run.name='half a quotation"}, "words as in a shell.*half a quotation.*No closing quotation"),
        ({"overrides": "controller=psychic"}, "controller/psychic"),
        ({"config": "seed=1"}, "config must be JSON .*, got 'seed=1'"),
        ({"config": "{}"}, "space must be a group"),
    ],
)
def test_a_run_config_that_makes_no_sense_is_named(run_config, words):
    with pytest.raises(ConfigError, match=words) as raised:
        read_config(run_config)
    assert "\n" not in str(raised.value)
