"""A run folder for one command alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import StorageError
from server_app.launcher.folder import kept, kept_again
from server_app.launcher.interrupts import Interrupted
from server_app.launcher.left import remember
from server_app.launcher.processes import end, members, start
from server_app.run_folder import ask_to_stop

ROOT = Path(__file__).resolve().parents[3]
KEEP = """
import sys
from pathlib import Path
from server_app.launcher.folder import kept
with kept(Path(sys.argv[1])):
    print("kept", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def other(tmp_path):
    """Another command that has the folder ``run``."""
    process = subprocess.Popen(
        [sys.executable, "-c", KEEP, str(tmp_path / "run")],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "kept\n"
    yield process
    process.kill()
    process.communicate()


def test_a_folder_is_one_commands(tmp_path, other):
    ask_to_stop(tmp_path / "run")  # for the other command
    with (
        pytest.raises(StorageError, match=r"under way in this folder.*Wait until it ends, or set another run\.dir"),
        kept(tmp_path / "run"),
    ):
        pytest.fail("two commands in one folder")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["stop"]


@pytest.mark.parametrize("how", ["killed", "ended"])
def test_it_is_free_again_however_the_other_ended(tmp_path, other, how):
    if how == "killed":
        other.kill()
        other.wait()
    else:
        other.communicate("\n")
    with kept(tmp_path / "run"):
        assert (tmp_path / "run").is_dir()


def test_a_folder_with_a_run_is_refused_and_left_alone(tmp_path):
    (tmp_path / "journal.jsonl").write_text("{}\n")
    with pytest.raises(StorageError, match="folder of its own"), kept(tmp_path):
        pytest.fail("a second run")
    assert (tmp_path / "journal.jsonl").read_text() == "{}\n"


def test_a_request_to_stop_outlives_no_run(tmp_path):
    ask_to_stop(tmp_path)  # left by a run that was killed
    with kept(tmp_path):
        assert list(tmp_path.iterdir()) == []
        (tmp_path / "flower.log").touch()
        ask_to_stop(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["flower.log"]


def test_a_request_to_stop_is_forgotten_where_the_run_had_to_be_killed(tmp_path):
    def interrupted():
        ask_to_stop(tmp_path)
        raise Interrupted

    with pytest.raises(Interrupted), kept(tmp_path):
        interrupted()
    assert not (tmp_path / "stop").exists()


def test_an_empty_folder_is_not_left(tmp_path):
    with kept(tmp_path / "a" / "run"):
        pass
    assert list((tmp_path / "a").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"set run\.dir"), kept(tmp_path / "file" / "run"):
        pytest.fail("kept nothing")


def test_a_folder_that_people_made_is_left_to_them_and_one_of_ours_goes_where_it_stays_empty(tmp_path):
    theirs, ours, new = (tmp_path / name for name in ("theirs", "ours", "new"))
    theirs.mkdir()
    ours.mkdir()
    for folder, made in ((theirs, False), (ours, True), (new, False)):
        with kept(folder, made):
            pass
    assert [folder.is_dir() for folder in (theirs, ours, new)] == [True, False, False]


# ---------------------------------------------------------------- once more


@pytest.fixture
def left(tmp_path):
    """A run folder, and a process that its command left running."""
    folder = tmp_path / "run"
    folder.mkdir(exist_ok=True)
    leader = start([sys.executable, "-c", "input()"], {}, tmp_path / "log")
    remember(folder, [leader], tmp_path / "home")
    yield leader
    end([leader])
    leader.wait(10)


def unfinished(folder):
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").touch()
    (folder / "journal.jsonl").write_text('{"event": "start"}\n')
    return folder


def test_what_was_left_running_is_ended_before_a_run_goes_on(tmp_path, left):
    folder = unfinished(tmp_path / "run")
    ask_to_stop(folder)
    with kept_again(folder):
        assert members([left.pid]) == []
        assert sorted(path.name for path in folder.iterdir()) == ["config.yaml", "journal.jsonl"]
        ask_to_stop(folder)
    assert not (folder / "stop").exists()


def test_what_was_left_running_before_it_had_a_journal_is_ended_too(tmp_path, left):
    with kept(tmp_path / "run"):
        assert members([left.pid]) == []


def test_a_run_that_another_command_follows_is_not_resumed_nor_ended(tmp_path, other, left):
    unfinished(tmp_path / "run")
    with (
        pytest.raises(StorageError, match=r"under way in this folder.*or end it, to go on with it\.$"),
        kept_again(tmp_path / "run"),
    ):
        pytest.fail("two commands in one folder")
    assert len(members([left.pid])) == 1


def test_where_there_is_no_run_none_goes_on(tmp_path):
    with pytest.raises(StorageError, match="there is no such folder"), kept_again(tmp_path / "nowhere"):
        pytest.fail("kept nothing")
    folder = unfinished(tmp_path / "run")
    (folder / "journal.jsonl").write_text('{"event": "end", "status": "finished"}\n')
    with pytest.raises(StorageError, match="nothing to resume"), kept_again(folder):
        pytest.fail("it has finished")


def test_a_run_that_finishes_while_it_is_about_to_be_ended_is_left_as_it_is(tmp_path, monkeypatch):
    folder = unfinished(tmp_path / "run")

    def finish(path):
        (path / "journal.jsonl").write_text('{"event": "end", "status": "finished"}\n')

    monkeypatch.setattr("server_app.launcher.folder.end_left", finish)
    with pytest.raises(StorageError, match="nothing to resume"), kept_again(folder):
        pytest.fail("it has finished")
