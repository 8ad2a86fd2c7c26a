"""make test-containers where containers cannot be started: it sets them up itself, or says what is missing, once."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(containers, path):
    """Run the tests of docker-compose.yml with these commands on the path."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/containers/test_compose.py"],
        cwd=ROOT,
        env={**os.environ, "CONTAINERS": containers, "PATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )


def command(folder, name, script):
    """Put a command into a folder."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    return folder / name


@pytest.mark.parametrize("engine", ["docker", "podman"])
@pytest.mark.parametrize("fault", ["missing", "down", "no compose"])
def test_what_is_missing_is_said_once(tmp_path, engine, fault):
    compose = command(
        tmp_path, "containers.sh", "exit 0" if fault != "no compose" else "echo no compose here >&2; exit 1"
    )
    if fault != "missing":
        down = 'echo "cannot connect" >&2; exit 1'
        answer = "echo no compose here >&2; exit 1" if fault == "no compose" else "exit 0"
        command(tmp_path, engine, f'case "$1" in info) {down if fault == "down" else "exit 0"};; *) {answer};; esac')
    containers = "docker compose" if engine == "docker" else f"{compose} compose"
    done = run(containers, tmp_path)
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert said.count("make test-containers needs") == 1
    assert {"missing": engine, "down": "cannot connect", "no compose": "no compose here"}[fault] in said
    assert ("containers.sh setup" if engine == "podman" else "CONTAINERS=") in said
    assert "Error" not in said
    assert len(said.splitlines()) < 10


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize("containers", ["/somewhere/containers.sh compose", "docker compose"])
def test_the_script_that_stands_in_for_docker_is_set_up_first(containers):
    done = subprocess.run(
        ["make", "-n", "test-containers", f"CONTAINERS={containers}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in done.stdout.splitlines() if "containers" in line]
    script = containers.split()[0]
    assert lines[:-1] == ([f"{script} setup"] if script.endswith("containers.sh") else [])
    assert f'CONTAINERS="{containers}"' in lines[-1]


def test_ci_says_what_was_skipped_and_why():
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    tests = [line for line in lines if "make test" in line and not line.startswith("#")]
    assert len(tests) == 2
    assert all("ARGS=-rs" in line.replace('"', "") for line in tests)
