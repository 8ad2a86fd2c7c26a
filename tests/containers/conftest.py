"""docker-compose.yml, brought up in a copy of the project; only under make test-containers, which sets CONTAINERS."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from server_app.launcher.processes import end, start
from tests.support.federation import Run, free_port, wait_for

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("server_app", "client_app", "common", "conf", "pyproject.toml", "README.md", "LICENSE")
LIMIT = 600.0
"""Seconds until a build or a start counts as hanging; the first build fetches torch."""


@dataclass
class Compose:
    """A copy of the project with its containers."""

    folder: Path
    command: list[str]
    port: int
    project: str = f"flwr-nas-test-{os.getpid()}"
    _searches: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def script(self) -> str | None:
        """The script that stands in for Docker, where it does."""
        return self.command[0] if self.command[0].endswith("containers.sh") else None

    @property
    def engine(self) -> str:
        """What else we ask of containers than compose does."""
        return "podman" if self.script else "docker"

    def run(self, command: list[str], **options) -> str:
        """Run a command in the project's folder and return what it printed."""
        env = {**os.environ, "PYTHONPATH": str(self.folder), "PYTHONSAFEPATH": "1"}
        done = subprocess.run(
            command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=LIMIT, check=False, **options
        )
        assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def compose(self, *arguments: str, **options) -> str:
        """Call compose."""
        return self.run([*self.command, "-p", self.project, *arguments], **options)

    def flwr_nas(self, *arguments: str) -> str:
        """Call the project's own command."""
        return self.run([sys.executable, "-m", "server_app.cli", *arguments])

    def python(self, service: str, program: str, *arguments: str):
        """Run a program inside a container; return what it prints as JSON."""
        return json.loads(self.compose("exec", "-T", service, "python", "-", *arguments, input=program))

    def container(self, service: str) -> str:
        """The engine's name of a service's container."""
        names = self.run([self.engine, "ps", "-a", "--format", "{{.Names}}"]).split()
        return next(name for name in names if name in (f"{self.project}_{service}_1", f"{self.project}-{service}-1"))

    def healthy(self, service: str) -> bool:
        """Ask for a container's health; podman does not look by itself."""
        name = self.container(service)
        if self.engine == "podman":
            return (
                subprocess.run(["podman", "healthcheck", "run", name], capture_output=True, check=False).returncode == 0
            )
        return self.run(["docker", "inspect", "--format", "{{.State.Health.Status}}", name]).strip() == "healthy"

    def search(self, name: str, *overrides: str) -> Run:
        """Start `flwr-nas search federation=deployment` on this machine."""
        command = [sys.executable, "-m", "server_app.cli", "search", "federation=deployment", *overrides]
        command += [f"federation.address=127.0.0.1:{self.port}", f"run.dir=runs/{name}"]
        env = {**os.environ, "PYTHONPATH": str(self.folder), "PYTHONSAFEPATH": "1"}
        log = self.folder / f"{name}.log"
        process = start(["env", "-C", str(self.folder), *command], env, log)
        self._searches.append(process)
        return Run(self.folder / "runs" / name, process, log)

    def close(self) -> None:
        """Take away all that was brought up, and nothing else."""
        end(self._searches)
        self.compose("down", "-v")


def missing(compose: Compose) -> str | None:
    """Return what is to be done before containers can be started, as a sentence; None if nothing is."""
    needs = f"make test-containers needs {compose.engine} with compose"
    way_out = (
        f"{compose.script} setup installs it"
        if compose.script
        else 'Start Docker, or name what stands in for it: make test-containers CONTAINERS="..."'
    )
    for command in ([compose.engine, "info"], [*compose.command, "version"]):
        if shutil.which(command[0]) is None:
            return f"{needs}, and there is no {command[0]}. {way_out}."
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines()
            return f"{needs}, and `{shlex.join(command)}` fails ({said[-1] if said else done.returncode}). {way_out}."
    return None


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    """Four nodes behind the proxy, from `flwr-nas deployment init` and `compose up`."""
    if "CONTAINERS" not in os.environ:
        pytest.skip("make test-containers runs these")
    folder = tmp_path_factory.mktemp("project")
    compose = Compose(folder, shlex.split(os.environ["CONTAINERS"]), free_port())
    if (reason := missing(compose)) is not None:
        pytest.exit(reason, returncode=1)  # once, and not for each test
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, folder / part)
    for part in ("docker-compose.yml", ".dockerignore"):
        shutil.copy(ROOT / part, folder / part)
    network = "podman" if compose.script else "bridge"
    gateway = json.loads(compose.run([compose.engine, "network", "inspect", network]))[0]
    address = gateway["subnets"][0]["gateway"] if compose.script else gateway["IPAM"]["Config"][0]["Gateway"]
    compose.flwr_nas("deployment", "init", "--host", address)
    with (folder / ".env").open("a") as settings:
        settings.write(f"CONTROL_PORT={compose.port}\nFLEET_PORT={free_port()}\n")
    try:
        compose.compose("build", "node-1")  # first and alone: podman would build what the images share once for each
        compose.compose("up", "-d", "--build")
        wait_for(lambda: compose.healthy("proxy"), "an answer of the SuperLink through the proxy")
        yield compose
    finally:
        compose.close()
