"""The journal: one JSON line an event, flushed; other files whole or not at all."""

from __future__ import annotations

import json
import os

import pytest

from common.errors import StorageError
from server_app.journal import Journal, run_folder, write_json


def test_each_event_is_on_disk_at_once(tmp_path):
    path = tmp_path / "run" / "journal.jsonl"
    with Journal(path) as journal:
        journal.write("start", seed=1)
        journal.write("round", loss=float("nan"))
        lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["event"] for line in lines] == ["start", "round"]
    assert lines[1]["loss"] is None
    assert lines[0]["time"] <= lines[1]["time"]


def test_listeners_hear_every_event():
    heard = []
    journal = Journal(None, heard.append)
    journal.write("start", seed=1)
    assert heard[0]["seed"] == 1


def test_a_folder_that_cannot_be_written_is_said_at_the_start(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"run\.dir"):
        Journal(tmp_path / "file" / "journal.jsonl")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_a_full_disk_does_not_end_the_run(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.symlink_to("/dev/full")
    heard = []
    journal = Journal(path, heard.append)
    journal.write("start")
    journal.write("round")
    journal.close()
    assert [event["event"] for event in heard] == ["journal_lost", "start", "round"]
    assert "space" in heard[0]["reason"]


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "result.json"
    write_json(path, {"a": 1})
    write_json(path, {"a": float("inf")})
    assert json.loads(path.read_text()) == {"a": None}
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


def test_a_run_folder_is_the_given_one_or_named_by_time_and_search(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.strftime", lambda _: "2026-01-02_03-04-05")
    assert str(run_folder("/somewhere/else", "har")) == "/somewhere/else"
    first = run_folder(None, "har")
    assert first.as_posix() == "runs/2026-01-02_03-04-05-har"
    first.mkdir(parents=True)
    assert run_folder(None, "har").as_posix() == "runs/2026-01-02_03-04-05-har-2"
