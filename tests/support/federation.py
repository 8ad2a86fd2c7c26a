"""A real federation for tests and benchmarks: a SuperLink and SuperNodes as processes, over TLS, with keys.

    with Federation(folder) as federation:
        federation.node("node-1", data="/path/to/data.npz")
        federation.search("search.trials=2")

All of it listens on 127.0.0.1 only, on free ports, keeps its state in `folder`, and is gone when the block is left.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Any, Self

from server_app.deployment.certificates import KeyPair, make_authority, make_node_key, make_server_certificate
from server_app.launcher.control import SuperLink
from server_app.launcher.processes import end, start

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 120.0
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


@dataclass
class Node:
    """A SuperNode process."""

    name: str
    process: Popen[str]
    log: Path
    restart: Callable[[], Node]

    def kill(self) -> None:
        """Kill it with all that it started, as a power cut would."""
        end([self.process])

    def said(self, text: str) -> bool:
        """Return whether its log holds `text`."""
        return text in self.log.read_text(encoding="utf-8", errors="replace")


@dataclass
class Run:
    """A `flwr-nas search federation=deployment` that was started, and its run folder."""

    folder: Path
    process: Popen[str]
    log: Path

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
    """

    folder: Path
    root: Path = ROOT
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    _processes: list[Popen[str]] = field(default_factory=list)

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
        server = make_server_certificate(self.folder, self.authority, ["127.0.0.1"])
        command = ["flower-superlink", "--port", str(self.port), "--enable-supernode-auth"]
        command += ["--ssl-certfile", str(server.public), "--ssl-keyfile", str(server.private)]
        command += ["--ssl-ca-certfile", str(self.authority.public), "--disable-runtime-dependency-installation"]
        process, log = self._start("superlink", command)
        try:
            with self.superlink() as superlink:

                def ready() -> bool:
                    assert process.poll() is None, log.read_text()
                    return superlink.healthy()

                wait_for(ready, "an answer of the SuperLink")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all processes."""
        left = end(self._processes)
        assert left == []

    def superlink(self) -> SuperLink:
        """Return a client of the SuperLink's Control API."""
        return SuperLink(self.address, self.authority.public)

    def node(
        self, name: str, *, register: bool = True, address: str | None = None, key: KeyPair | None = None, **config: Any
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
        process, log = self._start(name, command)
        return Node(name, process, log, lambda: self.node(name, register=False, address=address, key=key, **config))

    def start_search(self, *overrides: str, name: str = "run") -> Run:
        """Start `flwr-nas search` on this federation."""
        folder = self.folder / name
        options = [f"federation.address={self.address}", f"federation.root_certificates={self.authority.public}"]
        command = [sys.executable, "-m", "server_app.cli", "search", "federation=deployment", *options, *overrides]
        process, log = self._start(f"{name}.search", [*command, f"run.dir={folder}"])
        return Run(folder, process, log)

    def search(self, *overrides: str, name: str = "run", limit: float = LIMIT) -> Run:
        """Run `flwr-nas search` on this federation to its end."""
        run = self.start_search(*overrides, name=name)
        run.ended(limit)
        return run

    def _start(self, name: str, command: list[str]) -> tuple[Popen[str], Path]:
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
            **self.environment,
        }
        log = self.folder / f"{name}.log"
        process = start(command, env, log)
        self._processes.append(process)
        return process, log
