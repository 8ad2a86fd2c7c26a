"""Processes that a command which was killed left running."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from common.errors import FederationError
from server_app.launcher import left
from server_app.launcher.left import end_left, forget, remember
from server_app.launcher.processes import members
from server_app.machine import started

HOME = Path("/nowhere")


def change(folder, **changes):
    path = folder / "processes.json"
    record = json.loads(path.read_text())
    record["sessions"][0] |= {name: value for name, value in changes.items() if name != "boot"}
    path.write_text(json.dumps(record | {name: value for name, value in changes.items() if name == "boot"}))


def test_all_of_a_session_is_ended(tmp_path, family):
    remember(tmp_path, [family], HOME)
    assert end_left(tmp_path) == 3
    assert members([family.pid]) == []
    assert not (tmp_path / "processes.json").exists()
    assert end_left(tmp_path) == 0


def test_members_are_found_after_their_leader_died(tmp_path, family):
    remember(tmp_path, [family], HOME)
    family.stdin.write("\n")
    family.stdin.flush()
    family.wait()
    assert started(family.pid) is None
    assert end_left(tmp_path) == 2
    assert members([family.pid]) == []


@pytest.mark.parametrize("changes", [{"boot": "another"}, {"started": 1.0}])
def test_another_process_with_the_same_number_is_left_alone(tmp_path, family, changes):
    remember(tmp_path, [family], HOME)
    change(tmp_path, **changes)
    assert end_left(tmp_path) == 0
    assert len(members([family.pid])) == 3


def test_members_that_are_older_than_the_record_are_not_its(tmp_path, family):
    remember(tmp_path, [family], HOME)
    family.stdin.write("\n")
    family.stdin.flush()
    family.wait()
    change(tmp_path, started=started(os.getpid()) + 10.0**9)
    assert end_left(tmp_path) == 0
    assert len(members([family.pid])) == 2


def test_our_own_session_is_never_ended(tmp_path):
    program = (
        "import json, os, sys\n"
        "from pathlib import Path\n"
        "from server_app.launcher.left import end_left\n"
        "from server_app.machine import boot_id, started\n"
        "os.setsid()\n"
        "pid, folder = os.getpid(), Path(sys.argv[1])\n"
        "sessions = [{'pid': pid, 'started': started(pid)}]\n"
        "(folder / 'processes.json').write_text(json.dumps({'boot': boot_id(), 'sessions': sessions}))\n"
        "print(end_left(folder))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == "0\n"


@pytest.mark.parametrize("content", ["", "[]", '{"boot": "x"}', '{"boot": "x", "sessions": [{"pid": "y"}]}'])
def test_a_record_that_says_nothing_ends_nothing(tmp_path, content):
    (tmp_path / "processes.json").write_text(content)
    assert end_left(tmp_path) == 0


def test_what_cannot_be_killed_is_named(tmp_path, family, monkeypatch):
    remember(tmp_path, [family], HOME)
    with monkeypatch.context() as patch:
        patch.setattr("psutil.Process.kill", lambda _: None)
        patch.setattr(left, "PATIENCE", 0.1)
        with pytest.raises(FederationError, match=rf"must be gone, got \[.*{family.pid}"):
            end_left(tmp_path)
    assert (tmp_path / "processes.json").exists()


def test_a_clean_end_leaves_no_record(tmp_path, family):
    remember(tmp_path, [family], HOME)
    forget(tmp_path)
    forget(tmp_path)
    assert not (tmp_path / "processes.json").exists()


@pytest.fixture
def home():
    """A temporary folder as a simulation makes it."""
    path = Path(tempfile.mkdtemp(prefix=left.HOME))
    (path / "session").touch()
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_the_temporary_folder_goes_with_its_processes(tmp_path, family, home):
    remember(tmp_path, [family], home)
    assert end_left(tmp_path) == 3
    assert not home.exists()


def test_only_a_temporary_folder_of_ours_goes(tmp_path, family, home):
    mine = tmp_path / "flwr-nas-results"  # not where we make them
    other = Path(tempfile.mkdtemp(prefix="other-"))
    link = Path(tempfile.gettempdir()) / f"{left.HOME}{os.getpid()}-link"
    mine.mkdir()
    link.symlink_to(home)
    try:
        for path in (mine, other, link, Path("flwr-nas-relative")):
            remember(tmp_path, [], path)
            assert end_left(tmp_path) == 0
        assert mine.is_dir()
        assert other.is_dir()
        assert (home / "session").exists()
    finally:
        link.unlink()
        other.rmdir()
