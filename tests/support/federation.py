"""A real federation for tests and benchmarks: a SuperLink and SuperNodes as processes, over TLS, with keys.

    with Federation(folder) as federation:
        federation.node("node-1", data="/path/to/data.npz")
        federation.search("search.trials=2")

All of it listens on 127.0.0.1 only, on free ports, keeps its state in `folder`, and is gone when the block is left.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from types import MappingProxyType
from typing import Any, Self

import psutil

from server_app.deployment.certificates import KeyPair, make_authority, make_node_key, make_server_certificate
from server_app.launcher.control import SuperLink
from server_app.launcher.processes import end, members, start

ROOT = Path(__file__).resolve().parents[2]
_REAPER = """
import sys
from server_app.launcher.processes import members
leaders = [int(line) for line in sys.stdin]
for process in {each for member in members(leaders) for each in [member, *member.children(recursive=True)]}:
    process.kill()
"""
"""Reads sessions until nobody is left to write them, and ends what they began: nothing outlives killed tests."""

LIMIT = 240.0
"""Seconds until something that should have happened counts as hanging."""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], Any], what: str, limit: float = LIMIT) -> Any:
    """Wait until `condition` holds; return what it returned."""
    until = time.monotonic() + limit
    while not (answer := condition()):
        assert time.monotonic() < until, f"{what} did not happen within {limit:g} s"
        time.sleep(0.05)
    return answer


def _sessions(pid: int) -> Iterator[int]:
    """Yield the sessions of a process's descendants."""
    with suppress(psutil.Error):
        for child in psutil.Process(pid).children(recursive=True):
            with suppress(OSError):
                yield os.getsid(child.pid)


@dataclass
class Node:
    """A SuperNode process."""

    name: str
    process: Popen[str]
    log: Path
    restart: Callable[[], Node]
    _said_before: int = 0

    def kill(self) -> None:
        """Kill it with all that it started, as a power cut would."""
        end([self.process])
        self.process.wait(10)

    @property
    def output(self) -> str:
        """What it said since it was started."""
        return self.log.read_bytes()[self._said_before :].decode(errors="replace")

    def said(self, text: str) -> bool:
        """Return whether it said `text` since it was started."""
        return text in self.output

    def joined(self) -> bool:
        """Wait until the SuperLink took it (True), or it gave up (False)."""
        wait_for(lambda: self.said("SuperNode ID") or self.process.poll() is not None, f"{self.name} joined or ended")
        return self.said("SuperNode ID")

    def keep_alive(self, pause: float = 10.0) -> Node:
        """Start it again until it stays, as a service manager does.

        A SuperLink refuses a node that was killed until it has missed its heartbeats, for up to a minute.
        """
        while not (node := self.restart()).joined():
            time.sleep(pause)
        return node


@dataclass
class Run:
    """A `flwr-nas search federation=deployment` that was started, and its run folder."""

    folder: Path
    process: Popen[str]
    log: Path

    @property
    def number(self) -> int:
        """Flower's number of the run."""

        def submitted() -> re.Match[str] | None:
            found = re.search(r"^Run (\d+) is on", self.output, re.MULTILINE)
            assert found or self.process.poll() is None, self.output
            return found

        return int(wait_for(submitted, "the submission of the run")[1])

    def interrupt(self) -> None:
        """Send Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    @property
    def output(self) -> str:
        """What the command printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def events(self) -> list[dict[str, Any]]:
        """The journal so far."""
        journal = self.folder / "journal.jsonl"
        lines = journal.read_text(encoding="utf-8").splitlines(keepends=True) if journal.is_file() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def kinds(self, kind: str) -> list[dict[str, Any]]:
        """The journal's events of one kind."""
        return [event for event in self.events if event["event"] == kind]

    def wait_for(self, kind: str, count: int = 1) -> dict[str, Any]:
        """Wait for the `count`-th event of a kind."""

        def happened() -> bool:
            assert self.process.poll() is None or len(self.kinds(kind)) >= count, self.output
            return len(self.kinds(kind)) >= count

        wait_for(happened, f"event {kind} number {count}")
        return self.kinds(kind)[count - 1]

    def ended(self, limit: float = LIMIT) -> int:
        """Wait for the end; return the exit code."""
        return self.process.wait(limit)

    @property
    def result(self) -> dict[str, Any]:
        """The run's result.json."""
        found: dict[str, Any] = json.loads((self.folder / "result.json").read_text(encoding="utf-8"))
        return found


@dataclass
class Federation:
    """A SuperLink with its nodes; see the module.

    Parameters
    ----------
    folder : Path
        Where everything is kept.
    root : Path
        The project's code that runs; a copy whose ClientApp misbehaves, for tests of faults.
    environment : dict
        Added to the environment of all processes.
    durable : bool
        The SuperLink keeps a database, and knows its nodes again when it is started again.

    Attributes
    ----------
    process : Popen
        The SuperLink's, once it was started.
    """

    folder: Path
    root: Path = ROOT
    environment: dict[str, str] = field(default_factory=dict)
    durable: bool = False
    port: int = field(default_factory=free_port)
    process: Popen[str] | None = None
    _processes: list[Popen[str]] = field(default_factory=list)
    _reaper: Popen[str] | None = None

    @property
    def address(self) -> str:
        """``host:port`` of the SuperLink."""
        return f"127.0.0.1:{self.port}"

    @property
    def authority(self) -> KeyPair:
        """The deployment's own certificate authority."""
        return make_authority(self.folder)

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._reaper = start([sys.executable, "-c", _REAPER], environment, self.folder / "reaper.log")
        try:
            self.start_superlink()
        except BaseException:
            self.close()
            raise
        return self

    def start_superlink(self) -> Popen[str]:
        """Start the SuperLink, or start it again; return its process once it answers."""
        server = make_server_certificate(self.folder, self.authority, ["127.0.0.1"])
        command = ["flower-superlink", "--port", str(self.port), "--enable-supernode-auth"]
        command += ["--ssl-certfile", str(server.public), "--ssl-keyfile", str(server.private)]
        command += ["--ssl-ca-certfile", str(self.authority.public), "--disable-runtime-dependency-installation"]
        if self.durable:
            command += ["--database", str(self.folder / "superlink.db")]
        process, log = self._start("superlink", command)
        self.process = process
        with self.superlink() as superlink:

            def ready() -> bool:
                assert process.poll() is None, log.read_text()
                return superlink.healthy()

            wait_for(ready, "an answer of the SuperLink")
        return process

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all processes, also those of the SuperLink's SuperExec: Flower gives it a session of its own."""
        sessions = {session for process in self._processes for session in _sessions(process.pid)}
        left = end(self._processes)
        for stray in members(sessions):
            with suppress(psutil.Error):
                stray.kill()
        for process in self._processes:  # a leader may be dead while its threads still end
            process.wait(10)
        wait_for(lambda: not members(sessions), "the end of all processes", limit=10)
        if self._reaper is not None:
            self._reaper.communicate(timeout=10)
        assert left == []

    def superlink(self) -> SuperLink:
        """Return a client of the SuperLink's Control API."""
        return SuperLink(self.address, self.authority.public)

    def node(
        self,
        name: str,
        *,
        register: bool = True,
        address: str | None = None,
        key: KeyPair | None = None,
        environment: Mapping[str, str] | None = None,
        **config: Any,
    ) -> Node:
        """Start a SuperNode.

        Parameters
        ----------
        name : str
            Its name, and that of its folder and log.
        register : bool
            Whether the SuperLink is told its key.
        address : str, optional
            Where it finds the SuperLink, when not directly.
        key : KeyPair, optional
            Its key; by default one of its own, kept under its name.
        environment : mapping, optional
            Added to the environment of its processes.
        config
            Its node config besides the name; ``max_params`` is written as ``max-params``.
        """
        key = key or make_node_key(self.folder / name)
        if register:
            with self.superlink() as superlink:
                superlink.register_node(key.public)
        node_config = {"name": name, **{option.replace("_", "-"): value for option, value in config.items()}}
        command = ["flower-supernode", "--superlink", address or self.address, "--port", str(free_port())]
        command += ["--root-certificates", str(self.authority.public), "--auth-supernode-private-key", str(key.private)]
        command += ["--node-config", " ".join(f"{option}={json.dumps(value)}" for option, value in node_config.items())]
        log = self.folder / f"{name}.log"
        said_before = log.stat().st_size if log.is_file() else 0
        process, log = self._start(name, command, environment or {})

        def restart() -> Node:
            return self.node(name, register=False, address=address, key=key, environment=environment, **config)

        return Node(name, process, log, restart, said_before)

    def start_search(self, *overrides: str, name: str = "run") -> Run:
        """Start `flwr-nas search` on this federation."""
        folder = self.folder / name
        options = [f"federation.address={self.address}", f"federation.root_certificates={self.authority.public}"]
        command = [sys.executable, "-m", "server_app.cli", "search", "federation=deployment", *options, *overrides]
        process, log = self._start(f"{name}.search", [*command, f"run.dir={folder}"])
        return Run(folder, process, log)

    def resume(self, run: Run) -> Run:
        """Start the command that goes on with a run that was interrupted."""
        command = [sys.executable, "-m", "server_app.cli", "search", "--resume", str(run.folder)]
        process, log = self._start(f"{run.folder.name}.resumed", command)
        return Run(run.folder, process, log)

    def search(self, *overrides: str, name: str = "run", limit: float = LIMIT) -> Run:
        """Run `flwr-nas search` on this federation to its end."""
        run = self.start_search(*overrides, name=name)
        run.ended(limit)
        return run

    def _start(
        self, name: str, command: list[str], environment: Mapping[str, str] = MappingProxyType({})
    ) -> tuple[Popen[str], Path]:
        scripts = Path(sys.executable).parent
        if (scripts / command[0]).is_file():
            command = [str(scripts / command[0]), *command[1:]]
        home = self.folder / "home" / name
        home.mkdir(parents=True, exist_ok=True)
        env = {
            **os.environ,
            "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.root),
            "PYTHONSAFEPATH": "1",
            "PYTHONUNBUFFERED": "1",
            "FLWR_HOME": str(home),
            "FLWR_TELEMETRY_ENABLED": "0",
            "FLWR_DISABLE_UPDATE_CHECK": "1",
            "OMP_NUM_THREADS": "1",
            "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.1",
            **self.environment,
            **environment,
        }
        log = self.folder / f"{name}.log"
        process = start(command, env, log)
        self._processes.append(process)
        assert self._reaper is not None
        print(process.pid, file=self._reaper.stdin, flush=True)
        return process, log
