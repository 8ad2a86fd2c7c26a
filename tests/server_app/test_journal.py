"""The journal: one JSON line an event, flushed; other files whole or not at all."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import StorageError
from server_app.journal import (
    Journal,
    ask_to_stop,
    asked_to_stop,
    check_fresh,
    distant_folder,
    forget_stop,
    run_folder,
    write_json,
)

ROOT = Path(__file__).resolve().parents[2]


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


@pytest.fixture
def same_second(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.strftime", lambda _: "2026-01-02_03-04-05")


def test_a_run_folder_is_the_given_one_or_named_by_time_and_search(same_second, tmp_path):
    assert str(run_folder("/somewhere/else", "har")) == "/somewhere/else"
    assert run_folder(None, "har").as_posix() == "runs/2026-01-02_03-04-05-har"
    assert run_folder(None, "har").as_posix() == "runs/2026-01-02_03-04-05-har-2"
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_runs_that_begin_in_the_same_second_get_folders_of_their_own(same_second, tmp_path):
    program = (
        "import sys, time\n"
        "time.strftime = lambda _: '2026-01-02_03-04-05'\n"
        "from server_app.journal import run_folder\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "print(*[run_folder(None, 'har') for _ in range(50)], sep='\\n')\n"
    )
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for run in runs:
        assert run.stdout.readline() == "ready\n"
    for run in runs:
        run.stdin.write("\n")
        run.stdin.flush()
    folders = [line for run in runs for line in run.communicate()[0].split()]
    assert len(folders) == len(set(folders)) == 100


def test_a_folder_that_another_machine_makes_has_a_name_of_its_own(same_second, tmp_path):
    names = {distant_folder("har").as_posix() for _ in range(100)}
    assert len(names) == 100
    assert all(re.fullmatch(r"runs/2026-01-02_03-04-05-har-\w{6,}", name) for name in names)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("my data (1)", "my-data-1"),
        ("../../etc/x", "etc-x"),
        ("/", "run"),
        ("größe.v2", "größe.v2"),
        ("x" * 300, "x" * 60),
    ],
)
def test_any_name_makes_a_folder(same_second, name, expected):
    assert run_folder(None, name).as_posix() == f"runs/2026-01-02_03-04-05-{expected}"


def test_a_working_directory_that_cannot_be_written_is_said(same_second, tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(StorageError, match=r"set run\.dir"):
        run_folder(None, "har")
    (tmp_path / "runs").unlink()
    (tmp_path / "runs").symlink_to("nowhere")
    with pytest.raises(StorageError, match=r"set run\.dir"):
        run_folder(None, "har")


def test_a_journal_that_is_there_is_not_written_to(tmp_path):
    path = tmp_path / "journal.jsonl"
    first = Journal(path)  # has written nothing yet
    with pytest.raises(StorageError, match="folder of its own"):
        Journal(path)
    first.write("start")
    first.close()
    with pytest.raises(StorageError, match="folder of its own"):
        check_fresh(path)
    assert len(path.read_text().splitlines()) == 1


def test_of_two_runs_that_race_for_a_folder_one_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "journal.jsonl"
    monkeypatch.setattr("server_app.journal.check_fresh", lambda _: None)  # both looked before either wrote
    with Journal(path), pytest.raises(StorageError, match="folder of its own"):
        Journal(path)


def test_a_request_to_stop_is_made_seen_and_forgotten(tmp_path):
    assert not asked_to_stop(tmp_path)
    ask_to_stop(tmp_path)
    assert asked_to_stop(tmp_path)
    forget_stop(tmp_path)
    forget_stop(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_ours_to_write_is_no_error(tmp_path):
    ask_to_stop(tmp_path / "nowhere")
    forget_stop(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []
