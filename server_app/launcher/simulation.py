"""A search on Flower's simulation engine, in processes of its own.

A private SuperLink in memory, on a free port of this machine, and one simulation process with a private Ray.
Both start at the same time, and prepare themselves while this process imports what it needs to submit the run.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import Popen
from typing import TYPE_CHECKING, Self, TypeVar

from common.errors import ConfigError, FederationError, FlwrNasError
from server_app.cores import cores
from server_app.launcher import roles
from server_app.launcher.bundle import ROOT
from server_app.launcher.follow import Ending, Tail, follow, last_words
from server_app.launcher.interrupts import Interrupts
from server_app.launcher.left import HOME, forget, remember
from server_app.launcher.processes import end, start
from server_app.launcher.proxies import for_this_machine
from server_app.reporting.telling import ALOUD, Telling
from server_app.run_folder import JOURNAL, forget_state, unwritable

if TYPE_CHECKING:
    from common.groups import FederationConfig

T = TypeVar("T")

START_LIMIT = 300.0
"""Seconds until a SuperLink that does not answer counts as broken; a small board needs a minute."""

_POLL = 0.02
_LONGEST_TEMP = 16
"""Characters: Ray puts sockets below, and their whole path may have 103 on macOS, 107 on Linux."""


def simulate(
    run_config: Mapping[str, str],
    federation: FederationConfig,
    tail: Tail,
    run_dir: Path,
    interrupts: Interrupts,
    rehearse: Callable[[], None] = lambda: None,
    telling: Telling = ALOUD,
) -> Ending:
    """Simulate a search in a folder that is there until it ends; see `launch`."""
    if federation.nodes is None:
        raise ConfigError("A simulation needs a number of nodes", None, fix="Set federation.nodes=10")
    log = run_dir / "flower.log"
    logged = log.is_file()
    with Simulation(federation, log) as simulation:
        try:
            rehearse()
        except FlwrNasError:
            if not logged:
                log.unlink()  # no run ever began
            raise
        with telling.progress(tail.resumed_at, interrupts.stop_unread) as progress:
            simulation.submit(run_config, interrupts)
            ending = follow(tail, run_dir, progress, interrupts, simulation.gone)
    if ending.status == "finished":
        forget_state(run_dir)  # the run does so after its last event, and may have been killed in the middle of it
    return ending


class Simulation:
    """The processes of one simulation; they are gone when it is left, however that happens.

    Parameters
    ----------
    federation : FederationConfig
        Number of nodes, and what each may use.
    log : Path
        Where the output of all processes goes.
    """

    def __init__(self, federation: FederationConfig, log: Path) -> None:
        self._federation = federation
        self._log = log
        self._address = f"127.0.0.1:{_free_port()}"
        self._home = Path()
        self._processes: dict[str, Popen[str]] = {}
        self._logged = 0

    def __enter__(self) -> Self:
        try:
            self._log.touch()
            self._logged = self._log.stat().st_size
        except OSError as error:
            raise unwritable(self._log.parent, error) from None
        base = tempfile.gettempdir()
        self._home = Path(tempfile.mkdtemp(prefix=HOME, dir=base if len(base) <= _LONGEST_TEMP else "/tmp"))
        host, port = self._address.split(":")
        try:
            self._start("superlink", "--simulation", "--isolation", "process", "--host", host, "--port", port)
            workers = str(slots(self._federation.nodes or 1, self._federation.cpus_per_node))
            gpus = str(int(self._federation.gpus_per_node > 0))
            self._start("simulation", workers, gpus, "--runtime-api-address", self._address)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, run_config: Mapping[str, str], interrupts: Interrupts) -> None:
        """Submit the run as soon as the SuperLink answers, and hand it to the simulation process."""
        from server_app.launcher.control import SuperLink, simulation_config

        with SuperLink(self._address) as superlink:
            self._wait(superlink.healthy, interrupts)
            nodes = self._federation.nodes or 1
            superlink.submit(run_config, simulation_config(nodes, self._federation.gpus_per_node))
            token = self._wait(superlink.take_simulation, interrupts)
        pipe = self._processes["simulation"].stdin
        assert pipe is not None
        try:
            pipe.write(f"{token}\n")
            pipe.flush()
        except BrokenPipeError:
            raise self.gone() or FederationError(
                "The simulation must wait for its run", fix=f"See {self._log}"
            ) from None

    def gone(self) -> FederationError | None:
        """Return what is wrong if one of the processes ended by itself."""
        for name, process in self._processes.items():
            if (code := process.poll()) == 0:
                return unclosed(self._log, self._logged)
            if code is not None:
                how = f"killed by {_signal(-code)}" if code < 0 else f"exit code {code}"
                said = "" if code < 0 else last_words(self._log, self._logged).rstrip(".")
                return FederationError(
                    f"Flower's {name} process must live until the search ends ({how})" + (f": {said}" if said else ""),
                    fix=f"See {self._log}",
                )
        return None

    def close(self) -> None:
        """End all processes and remove what they left."""
        left = end(list(self._processes.values()))
        if not left:
            forget(self._log.parent)
        shutil.rmtree(self._home, ignore_errors=True)
        if left:
            raise FederationError("All processes must end with the search", left, fix="Kill them by hand")

    def _start(self, role: str, *arguments: str) -> None:
        command = [sys.executable, "-P", roles.__file__, str(os.getpid()), str(self._home), role, *arguments]
        self._processes[role] = start([*command, "--insecure"], self._environment(), self._log)
        remember(self._log.parent, list(self._processes.values()), self._home)

    def _environment(self) -> dict[str, str]:
        """Return ours, without what would lead to another Flower or Ray, and with nothing that calls home."""
        environment = for_this_machine({key: value for key, value in os.environ.items() if key != "RAY_ADDRESS"})
        path = [str(ROOT), *filter(None, [environment.get("PYTHONPATH")])]
        environment.setdefault("OMP_NUM_THREADS", str(max(1, int(self._federation.cpus_per_node))))
        return environment | {
            "FLWR_HOME": str(self._home),
            "FLWR_TELEMETRY_ENABLED": "0",
            "FLWR_DISABLE_UPDATE_CHECK": "1",
            "RAY_TMPDIR": str(self._home),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
            "PYTHONPATH": os.pathsep.join(path),
            "PYTHONUNBUFFERED": "1",
        }

    def _wait(self, ask: Callable[[], T | None], interrupts: Interrupts) -> T:
        until = time.monotonic() + START_LIMIT
        while not (answer := ask()):
            interrupts.check()
            if (error := self.gone()) is not None:
                raise error
            if time.monotonic() > until:
                raise FederationError(f"The SuperLink must answer within {START_LIMIT} s", fix=f"See {self._log}")
            time.sleep(_POLL)
        return answer


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time one has no name
        return f"signal {number}"


def slots(nodes: int, cpus_per_node: float) -> int:
    """Return how many nodes compute at the same time: no more than there are, or than the cores can hold."""
    return max(1, min(nodes, int(cores() / cpus_per_node)))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def unclosed(log: Path, since: int = 0) -> FederationError:
    """Return what is wrong where Flower ended a run as if all were well, and its journal does not say that it ended.

    Parameters
    ----------
    log : Path
        Of Flower, in the run folder.
    since : int
        Bytes of it that an earlier command wrote.
    """
    folder = log.parent
    with log.open("rb") as file:
        file.seek(since)
        full = os.strerror(errno.ENOSPC).encode() in file.read()
    if full:
        fix = f"Free some space on its disk; what could be written is in {folder}"
    else:
        fix = f"Flower gives a run up that a busy machine starts too slowly: start it again, or see {log}"
    return FederationError("A run must close its journal, and this one ended without", str(folder / JOURNAL), fix=fix)
