"""A run folder for one command alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import StorageError
from server_app.journal import ask_to_stop
from server_app.launcher.folder import kept
from server_app.launcher.interrupts import Interrupted

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
        pytest.raises(StorageError, match=r"folder of its own.*another command.*Set another run\.dir"),
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
