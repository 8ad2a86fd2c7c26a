"""The journal: one JSON line an event, flushed; other files whole or not at all."""

from __future__ import annotations

import json
import os

import pytest

from common.errors import StorageError
from server_app.journal import START, Journal, write_json


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


def test_a_journal_that_is_there_is_not_written_to(tmp_path):
    path = tmp_path / "journal.jsonl"
    first = Journal(path)  # has written nothing yet
    with pytest.raises(StorageError, match="folder of its own"):
        Journal(path)
    first.write("start")
    first.close()
    assert len(path.read_text().splitlines()) == 1


# ---------------------------------------------------------------- gone on with


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.jsonl"


def test_lines_are_numbered_in_the_file_and_for_listeners(path):
    heard = []
    with Journal(path, heard.append) as journal:
        for _ in range(3):
            journal.write("round")
    assert [line["n"] for line in lines(path)] == [event["n"] for event in heard] == [0, 1, 2]


def test_a_position_says_where_the_file_ends(path):
    with Journal(path) as journal:
        assert journal.position == START
        for event in ("start", "größe"):
            journal.write(event)
            last = lines(path)[-1]
            assert journal.position == {"line": last["n"] + 1, "bytes": path.stat().st_size, "time": last["time"]}


@pytest.mark.parametrize("rest", ["", '{"n": 2, "ev', '{"n": 2, "event": "end"}\n', '{"n": 2}\n{"n": 3'])
def test_a_resumed_journal_is_cut_at_its_position_and_goes_on(path, rest):
    with Journal(path) as journal:
        journal.write("start")
        journal.write("round", name="größe")
        before, position = path.read_bytes(), journal.position | {"time": 1000.0}
    with path.open("a") as file:
        file.write(rest)
    heard = []
    with Journal.resumed(path, position, heard.append) as journal:
        assert path.read_bytes() == before
        assert journal.position == position
        journal.write("resumed")
        journal.listen(heard.append)
        journal.write("round")
        assert journal.position["bytes"] == path.stat().st_size
    assert path.read_bytes().startswith(before)
    assert [(line["n"], line["event"]) for line in lines(path)[2:]] == [(2, "resumed"), (3, "round")]
    assert heard == [lines(path)[2], *[lines(path)[3]] * 2]
    assert 1000.0 <= heard[0]["time"] <= heard[1]["time"]


def test_a_run_that_has_no_state_yet_begins_anew_in_its_journal(path):
    with Journal(path) as journal:
        journal.write("start")
    with Journal.resumed(path, START) as journal:
        assert path.read_bytes() == b""
        journal.write("start")
    assert [line["n"] for line in lines(path)] == [0]


@pytest.mark.parametrize("change", [{"line": 3}, {"line": 1}, {"bytes": 1000}, {"bytes": 10}])
def test_another_journal_is_not_touched(path, change):
    with Journal(path) as journal:
        journal.write("start")
        journal.write("round")
        before, position = path.read_bytes(), journal.position | change
    with pytest.raises(StorageError, match=rf"up to line {position['line']} \(.*\), got '.*journal\.jsonl'"):
        Journal.resumed(path, position)
    assert path.read_bytes() == before


def test_a_journal_that_is_gone_is_said(path):
    with pytest.raises(StorageError, match=r"up to line 1 \(it is gone\), got '.*journal\.jsonl'\. Put that journal"):
        Journal.resumed(path, {"line": 1, "bytes": 30, "time": 0.0})
    assert not path.exists()


def test_a_run_that_had_no_journal_yet_begins_one(path):
    with Journal.resumed(path, START) as journal:
        journal.write("start")
    assert [line["n"] for line in lines(path)] == [0]


def test_a_journal_that_was_lost_has_no_position(path):
    heard = []
    journal = Journal(path, heard.append)
    journal.write("start")

    class Full:
        def write(self, _):
            raise OSError(28, "No space left on device")

        def close(self):
            pass

    journal._file.close()
    journal._file = Full()
    journal.write("round")
    journal.write("round")
    assert journal.position is None
    assert Journal().position is None
    assert [(event["n"], event["event"]) for event in heard] == [
        (0, "start"),
        (2, "journal_lost"),
        (1, "round"),
        (3, "round"),
    ]


def test_a_sync_waits_for_the_disk_where_there_is_one(path, monkeypatch):
    synced = []
    monkeypatch.setattr("os.fsync", synced.append)
    Journal().sync()
    with Journal(path) as journal:
        journal.write("start")
        journal.sync()
        assert synced == [journal._file.fileno()]
    journal.sync()
    assert len(synced) == 1
