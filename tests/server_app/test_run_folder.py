"""The run folder: a place for one run, and what says how that run stands."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import StorageError
from server_app.journal import Journal
from server_app.run_folder import (
    ask_to_stop,
    asked_to_stop,
    check_fresh,
    check_resumable,
    distant_folder,
    finished,
    forget_state,
    forget_stop,
    run_folder,
)

ROOT = Path(__file__).resolve().parents[2]


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
        "from server_app.run_folder import run_folder\n"
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


def ended(folder, *statuses):
    """Write the journal of a run: an end for each status, and after None a line without its end."""
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").touch()
    lines = [json.dumps({"event": "end", "status": status, "message": "x" * 1000}) for status in statuses if status]
    (folder / "journal.jsonl").write_text("".join(f"{line}\n" for line in lines) + ("{" if None in statuses else ""))
    return folder


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((), False),
        (("stopped",), False),
        (("failed",), False),
        (("finished",), True),
        (("finished", None), False),
        (("stopped", "finished"), True),
    ],
)
def test_the_last_line_of_the_journal_says_whether_a_run_has_finished(tmp_path, statuses, expected):
    assert finished(ended(tmp_path, *statuses)) is expected


def test_the_last_line_of_a_long_journal_is_found(tmp_path):
    assert finished(ended(tmp_path, *["stopped"] * 200, "finished"))


@pytest.mark.parametrize("content", [b"", b"\n", b"[]\n", b"\xff\n", b'{"event": "end"}\n'])
def test_a_journal_of_another_kind_is_no_finished_one(tmp_path, content):
    (tmp_path / "journal.jsonl").write_bytes(content)
    assert not finished(tmp_path)


def test_a_run_whose_journal_a_full_disk_cut_short_has_finished_if_its_result_says_so(tmp_path):
    (tmp_path / "journal.jsonl").write_text('{"event": "scored"}\n')
    (tmp_path / "result.json").write_text('{"status": "finished"}')
    assert finished(tmp_path)
    (tmp_path / "state.json").write_text("{}")  # it writes its result, and has not come to its end
    assert not finished(tmp_path)
    (tmp_path / "state.json").unlink()
    (tmp_path / "result.json").write_text('{"status": "stopped"}')
    assert not finished(tmp_path)


def test_a_folder_with_a_run_says_what_can_be_done(tmp_path):
    check_fresh(tmp_path)
    with pytest.raises(StorageError, match=r"folder of its own, got .*\. Set another run\.dir"):
        check_fresh(ended(tmp_path / "done", "finished"))
    unfinished = ended(tmp_path / "my run", "stopped")
    with pytest.raises(StorageError, match=rf"has not finished.*--resume '{unfinished}'`, or set another run\.dir"):
        check_fresh(unfinished)


def test_what_can_be_resumed(tmp_path):
    with pytest.raises(StorageError, match=r"leaves nothing to resume.*See its result\.json"):
        check_resumable(ended(tmp_path / "done", "finished"))
    check_resumable(ended(tmp_path / "stopped", "stopped"))
    check_resumable(ended(tmp_path / "killed", None))


def journalled(folder, *kinds):
    folder.mkdir()
    (folder / "config.yaml").touch()
    with Journal(folder / "journal.jsonl") as journal:
        for kind in kinds:
            journal.write(kind, reason='of "event": "scored" we speak')
    return folder


def test_a_run_that_scored_and_has_no_state_is_not_resumed(tmp_path):
    check_resumable(journalled(tmp_path / "early", "start", "search", "proposed", "round"))
    late = journalled(tmp_path / "late", "start", "search", "proposed", "round", "scored")
    with pytest.raises(StorageError, match=r"scored trials .* there is none, got '.*state\.json'\. Put that file back"):
        check_resumable(late)
    (late / "state.json").touch()
    check_resumable(late)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (None, r"there is no such folder, got .*\. Name the folder with its config\.yaml; add federation=deployment"),
        ([], "this one is empty"),
        (["notes.txt"], "this one holds no run"),
        (["flower.log", "processes.json"], r"before it had begun.*with its options and without --resume"),
        (["flower.log", "journal.jsonl"], r"its config\.yaml, which is gone.*Put that file back"),
        (["weights", "state.json"], r"its config\.yaml, which is gone"),
    ],
)
def test_what_is_there_instead_of_a_run_is_said(tmp_path, names, words):
    if names is not None:
        (tmp_path / "run").mkdir()
        for name in names:
            (tmp_path / "run" / name).touch()
    with pytest.raises(StorageError, match=words):
        check_resumable(tmp_path / "run")


def test_a_file_is_no_run(tmp_path):
    (tmp_path / "run").touch()
    with pytest.raises(StorageError, match="but this is a file, got"):
        check_resumable(tmp_path / "run")


def test_what_a_finished_run_does_not_need_is_removed(tmp_path):
    with Journal(tmp_path / "journal.jsonl") as journal:
        journal.write("end", status="finished")
    (tmp_path / "state.json").touch()
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "a.npy").touch()
    forget_state(tmp_path)
    forget_state(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["journal.jsonl"]
