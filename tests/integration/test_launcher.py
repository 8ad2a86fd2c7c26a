"""The flwr-nas command with real processes: what it starts, how it ends, and that it leaves nothing behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from server_app.launcher.processes import members

pytestmark = pytest.mark.simulation

ROOT = Path(__file__).resolve().parents[2]
QUICK = (
    "fidelity=full",
    "fidelity.max_rounds=1",
    "search.trials=2",
    "final.rounds=1",
    "final.finalists=1",
    "final.seeds=1",
    "federation.nodes=2",
)
ENDLESS = ("search.trials=100000", "federation.nodes=2")
PATIENCE = 120
"""Seconds until a process that should have done something counts as hanging."""


@dataclass
class Command:
    """A flwr-nas command that runs, and the sessions of what it started."""

    process: subprocess.Popen
    folder: Path
    output: Path
    errors: Path
    sessions: list[int]

    def wait_for(self, condition):
        until = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < until
            assert self.process.poll() is None, self.errors.read_text()
            time.sleep(0.05)

    def events(self):
        journal = self.folder / "journal.jsonl"
        return [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []

    def started(self):
        """Wait until both of its processes are there."""
        self.wait_for(lambda: len(psutil.Process(self.process.pid).children()) == 2)
        self.sessions[:] = [child.pid for child in psutil.Process(self.process.pid).children()]

    def searching(self):
        """Wait until the search trains; by then Ray runs, with its workers."""
        self.started()
        self.wait_for(lambda: any(event["event"] == "round" for event in self.events()))
        assert len(members(self.sessions)) > 5

    def ended(self):
        """Wait for its end; return its exit code."""
        return self.process.wait(PATIENCE)

    def left(self):
        """Return what is left of it: processes and temporary folders."""
        log = self.folder / "flower.log"
        words = log.read_text().split() if log.exists() else []
        folders = {Path(*Path(word).parts[:3]) for word in words if word.startswith("/tmp/flwr-nas-")}
        return [process.name() for process in members(self.sessions)] + [path for path in folders if path.exists()]


@pytest.fixture
def command(tmp_path):
    """Start flwr-nas in another folder than the project's; whatever a test does, nothing survives it."""
    started = []

    def start(*overrides, root=ROOT, run_dir=None):
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        folder = run_dir or tmp_path / "run"
        with (tmp_path / "errors").open("w") as errors, (tmp_path / "output").open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "server_app.cli", "search", *overrides, f"run.dir={folder}"],
                cwd=elsewhere,
                env={**os.environ, "PYTHONPATH": str(root), "PYTHONSAFEPATH": "1"},
                stdout=output,
                stderr=errors,
                start_new_session=True,
            )
        started.append(Command(process, elsewhere / folder, tmp_path / "output", tmp_path / "errors", []))
        return started[-1]

    yield start
    for one in started:
        for process in [*members([one.process.pid, *one.sessions])]:
            process.kill()
        one.process.wait()


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """The project as its wheel installs it: only what the wheel holds."""
    build = pytest.importorskip("hatchling.build")
    monkeypatch.chdir(ROOT)
    site = tmp_path / "site-packages"
    with zipfile.ZipFile(tmp_path / build.build_wheel(str(tmp_path))) as archive:
        archive.extractall(site)
    return site


def test_a_wheel_searches_from_another_folder_and_leaves_its_run_folder_only(command, wheel, tmp_path):
    run = command(*QUICK, root=wheel)
    run.started()
    assert run.ended() == 0, run.errors.read_text()
    assert run.events()[-1]["status"] == "finished"
    assert json.loads((run.folder / "result.json").read_text())["winner"]
    assert run.left() == []
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_an_interrupted_search_closes_its_journal_and_leaves_nothing(command):
    run = command(*ENDLESS)
    run.searching()
    run.process.send_signal(signal.SIGINT)
    assert run.ended() == 130
    assert [event["status"] for event in run.events() if event["event"] == "end"] == ["stopped"]
    assert run.left() == []
    assert run.errors.read_text() == "flwr-nas: The run was asked to stop.\n"
    assert not (run.folder / "stop").exists()


def test_programs_hear_what_is_known_of_an_interrupted_search(command):
    run = command(*ENDLESS, "--json")
    run.searching()
    run.process.send_signal(signal.SIGINT)
    assert run.ended() == 130
    found = json.loads(run.output.read_text())
    assert (found["status"], found["folder"]) == ("stopped", str(run.folder))
    assert found["message"] == "The run was asked to stop."
    assert found["counts"]["trials"] > 0
    assert run.errors.read_text() == "flwr-nas: The run was asked to stop.\n"


@pytest.mark.thorough
def test_an_impatient_user_leaves_nothing_either(command):
    run = command(*ENDLESS)
    run.searching()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGINT, signal.SIGINT):
        run.process.send_signal(number)
        time.sleep(0.05)
    assert run.ended() == 130
    assert run.left() == []
    assert not (run.folder / "stop").exists()
    assert "Traceback" not in run.errors.read_text()


@pytest.mark.thorough
def test_a_second_command_does_not_touch_the_folder_of_the_first(command):
    run = command(*ENDLESS)
    run.started()  # and no journal yet
    second = subprocess.run(
        [sys.executable, "-m", "server_app.cli", "search", *QUICK, f"run.dir={run.folder}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (second.returncode, second.stdout) == (1, "")
    assert "A run is under way in this folder" in second.stderr
    run.searching()
    run.process.send_signal(signal.SIGINT)
    assert run.ended() == 130
    assert run.events()[-1]["status"] == "stopped"


def test_an_interrupt_while_flower_starts(command):
    run = command(*ENDLESS)
    run.started()
    run.process.send_signal(signal.SIGINT)
    assert run.ended() == 130
    assert run.left() == []
    assert run.errors.read_text() == "flwr-nas: The run was interrupted.\n"


@pytest.mark.parametrize(
    ("name", "when"),
    [
        ("superlink", Command.started),
        pytest.param("simulation", Command.searching, marks=pytest.mark.thorough),
    ],
)
def test_a_process_that_dies_is_named_with_its_log(command, name, when):
    run = command(*ENDLESS)
    when(run)
    (pid,) = [pid for pid in run.sessions if name in psutil.Process(pid).cmdline()]
    psutil.Process(pid).kill()
    assert run.ended() == 1
    errors = run.errors.read_text()
    assert errors.startswith(
        f"flwr-nas: Flower's {name} process must live until the search ends (killed by SIGKILL). See "
    )
    assert str(run.folder / "flower.log") in errors
    assert "Traceback" not in errors
    assert run.left() == []


def test_what_a_killed_command_started_ends_by_itself(command):
    run = command(*ENDLESS)
    run.searching()
    run.process.kill()
    run.process.wait()
    until = time.monotonic() + PATIENCE
    while run.left() and time.monotonic() < until:
        time.sleep(0.1)
    assert run.left() == []
    assert run.events()[-1]["status"] == "stopped"


@pytest.fixture(scope="module")
def superlink(tmp_path_factory):
    """A SuperLink that somebody else runs, in another folder; the address."""
    home = tmp_path_factory.mktemp("superlink")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = "127.0.0.1:{1}".format(*probe.getsockname())
    flower = Path(sys.executable).parent
    env = {
        "PATH": f"{flower}:{os.environ['PATH']}",
        "FLWR_HOME": str(home),
        "FLWR_TELEMETRY_ENABLED": "0",
        "FLWR_DISABLE_UPDATE_CHECK": "1",
        "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
    }
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [str(flower / "flower-superlink"), "--insecure", "--port", address.split(":")[1]],
            env=env,
            cwd=home,
            stdout=log,
            stderr=log,
        )
    while "Uvicorn running" not in (home / "log").read_text():
        assert process.poll() is None, (home / "log").read_text()
        time.sleep(0.05)
    yield address
    family = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    process.wait(PATIENCE)
    for child in family:
        with suppress(psutil.NoSuchProcess):
            child.kill()


def deployment(address, patience):
    options = (f"federation.address={address}", f"federation.patience={patience}", "federation.root_certificates=null")
    return ("federation=deployment", *options)


def test_a_deployment_is_followed_through_its_journal(command, superlink):
    run = command(*deployment(superlink, 1))
    assert run.ended() == 1
    assert run.events()[-1]["status"] == "failed"
    *waited, last = run.errors.read_text().splitlines()
    assert last == f"flwr-nas: {run.events()[-1]['message']}"
    assert waited in ([], ["Waiting for the run's journal ..."])  # where that takes long


def test_a_deployment_whose_folder_is_elsewhere_is_followed_through_its_log(command, superlink):
    run = command(*deployment(superlink, 1), run_dir=Path("there"))
    assert run.ended() == 1
    assert not run.folder.exists()
    assert "folder there" in run.output.read_text()
    assert "federation.min_nodes" in run.errors.read_text()


def test_an_interrupted_deployment_is_stopped(command, superlink):
    run = command(*deployment(superlink, 600))
    run.wait_for(run.events)
    run.process.send_signal(signal.SIGINT)
    assert run.ended() == 130
    assert run.events()[-1]["status"] == "stopped"
    assert not (run.folder / "stop").exists()


def test_a_deployment_needs_its_certificate(command):
    run = command("federation=deployment")
    assert run.ended() == 1
    errors = run.errors.read_text()
    assert errors.startswith(
        "flwr-nas: federation.root_certificates must be a file, got 'deployment/certificates/ca.crt'"
    )
    assert "make certs" in errors
    assert "federation.root_certificates=null" in errors
    assert errors.count("\n") == 1


def test_a_deployment_needs_a_superlink(command):
    run = command(*deployment("127.0.0.1:1", 1))
    assert run.ended() == 1
    errors = run.errors.read_text()
    assert errors.startswith("flwr-nas: A SuperLink must listen at federation.address")
    assert errors.count("\n") == 1
