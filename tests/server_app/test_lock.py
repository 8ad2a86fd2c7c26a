"""The lock of a run folder, with real processes."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common.errors import StorageError
from server_app import lock
from server_app.lock import RunLock, end_earlier
from server_app.machine import started

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys, time
from pathlib import Path
from server_app.lock import RunLock
from server_app.run_folder import asked_to_stop
folder = Path(sys.argv[1])
with RunLock(folder, 42):
    print("locked", flush=True)
    while sys.argv[2] == "deaf" or not asked_to_stop(folder):
        time.sleep(0.02)
"""


@pytest.fixture
def hold(tmp_path):
    """Start a process that holds the lock of ``run``: one that looks for the file stop, or one that is deaf."""
    processes = []

    def start(how):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path / "run"), how],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout.readline() == "locked\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def claim(folder, **changes):
    """Change what the lock says about who holds it."""
    path = folder / "lock"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_folder_is_locked_while_a_run_writes_to_it_and_not_longer(tmp_path):
    folder = tmp_path / "run"
    with RunLock(folder, 7):
        said = json.loads((folder / "lock").read_text())
        assert (said["pid"], said["started"], said["run"]) == (os.getpid(), started(os.getpid()), 7)
        with pytest.raises(
            StorageError, match=rf"One run at a time.*process {os.getpid()} on .*, run 7\).*Wait until it ends"
        ):
            RunLock(folder).__enter__()
        assert json.loads((folder / "lock").read_text()) == said
    assert list(folder.iterdir()) == []
    with RunLock(folder):
        pass


def test_the_lock_of_another_process_is_respected(tmp_path, hold):
    other = hold("deaf")
    with pytest.raises(StorageError, match=rf"process {other.pid} on .*, run 42"):
        RunLock(tmp_path / "run").__enter__()


def test_a_process_that_was_killed_holds_nothing(tmp_path, hold):
    other = hold("deaf")
    other.kill()
    other.wait()
    assert (tmp_path / "run" / "lock").is_file()
    assert end_earlier(tmp_path / "run") is None
    with RunLock(tmp_path / "run"):
        assert json.loads((tmp_path / "run" / "lock").read_text())["pid"] == os.getpid()


def test_a_lock_that_was_removed_meanwhile_is_taken_again(tmp_path, monkeypatch):
    """The holder before us removes its file after we opened it: we would hold a lock that nobody else sees."""
    flock, path = fcntl.flock, tmp_path / "lock"

    def slow(handle, how):
        if not slow.done:
            slow.done = True
            path.unlink()
        flock(handle, how)

    slow.done = False
    monkeypatch.setattr(fcntl, "flock", slow)
    with RunLock(tmp_path), pytest.raises(StorageError, match="One run at a time"):
        RunLock(tmp_path).__enter__()


def test_a_file_system_without_locks_does_not_keep_a_run_from_its_folder(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with RunLock(tmp_path):
        assert end_earlier(tmp_path) is None


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"set run\.dir"):
        RunLock(tmp_path / "file" / "run").__enter__()


# ---------------------------------------------------------------- an earlier run


def test_where_nobody_is_nothing_is_ended(tmp_path):
    assert end_earlier(tmp_path) is None
    assert end_earlier(tmp_path / "nowhere") is None


@pytest.mark.parametrize(("how", "word", "code"), [("listening", "stopped", 0), ("deaf", "killed", -9)])
def test_an_earlier_run_is_asked_and_then_killed(tmp_path, hold, how, word, code):
    other = hold(how)
    sentence = end_earlier(tmp_path / "run", patience=5.0 if how == "listening" else 0.3)
    assert sentence == f"Process {other.pid} of an earlier run still wrote to {tmp_path / 'run'}: it was {word}."
    assert other.wait() == code
    assert not (tmp_path / "run" / "stop").exists()
    with RunLock(tmp_path / "run"):
        pass


@pytest.mark.parametrize(
    "changes", [{"host": "elsewhere"}, {"boot": "another"}, {"started": 1.0}, {"started": None}, {"pid": 2**22 + 1}]
)
def test_a_process_that_is_not_known_for_certain_is_left_alone(tmp_path, hold, changes):
    other = hold("listening")
    claim(tmp_path / "run", **changes)
    with pytest.raises(StorageError, match="Wait until it ends"):
        end_earlier(tmp_path / "run", patience=0.3)
    assert other.poll() is None
    assert not (tmp_path / "run" / "stop").exists()


def test_a_number_that_was_given_to_another_process_is_not_killed(tmp_path, hold):
    """The lock names a process that is there, but was started at another time."""
    hold("deaf")
    innocent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        claim(tmp_path / "run", pid=innocent.pid)
        with pytest.raises(StorageError, match=str(innocent.pid)):
            end_earlier(tmp_path / "run", patience=0.1)
        assert innocent.poll() is None
    finally:
        innocent.communicate(b"\n")


def test_a_lock_that_says_nothing_is_respected(tmp_path, hold):
    other = hold("deaf")
    (tmp_path / "run" / "lock").write_text("")
    with pytest.raises(StorageError, match="an unknown process"):
        end_earlier(tmp_path / "run", patience=0.1)
    assert other.poll() is None


@pytest.mark.parametrize("pid", ["self", "parent"])
def test_neither_this_process_nor_one_that_it_came_from_is_killed(tmp_path, pid):
    with RunLock(tmp_path):
        number = os.getpid() if pid == "self" else os.getppid()
        claim(tmp_path, pid=number, started=started(number))
        with pytest.raises(StorageError, match=rf"process {number} on"):
            end_earlier(tmp_path, patience=0.1)


def test_a_lock_that_changed_hands_while_we_waited_is_respected(tmp_path, hold, monkeypatch):
    other = hold("deaf")
    freed = lock._freed

    def changes_hands(path, patience):
        if patience:
            claim(tmp_path / "run", run=43)
        return freed(path, patience)

    monkeypatch.setattr(lock, "_freed", changes_hands)
    with pytest.raises(StorageError, match="run 43"):
        end_earlier(tmp_path / "run", patience=0.1)
    time.sleep(0.05)
    assert other.poll() is None
