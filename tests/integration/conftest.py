"""Real runs through the flwr-nas command: a private SuperLink, Flower's simulation engine, real messages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.project import copy_project

ROOT = Path(__file__).resolve().parents[2]
SMALL = (
    "controller=random",
    "fidelity=full",
    "fidelity.max_rounds=2",
    "search.trials=4",
    "search.concurrency=2",
    "final.rounds=2",
    "final.finalists=1",
    "final.seeds=1",
    "final.checkpoints=1",
    "search.start=[]",
    "final.baseline={version: 1, kind: layered, layers: [{op: linear, width: 5}]}",
    "federation.nodes=4",
)
LAYERED = ("space.max_layers=2", "space.width=[8,16]")
"""Options of the space where nobody chose another."""


@dataclass
class Run:
    """What one call of the command left behind."""

    folder: Path
    process: subprocess.CompletedProcess[str]

    @property
    def output(self) -> str:
        return self.process.stdout + self.process.stderr

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "journal.jsonl").read_text().splitlines()]

    def kinds(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == kind]

    @property
    def result(self) -> dict[str, Any]:
        return json.loads((self.folder / "result.json").read_text())

    @property
    def history(self) -> list[dict[str, Any]]:
        return json.loads((self.folder / "history.json").read_text())


def _search(folder: Path, *overrides: str, root: Path = ROOT, timeout: float = 240) -> Run:
    """Call `flwr-nas search` from another folder and wait for it."""
    small = SMALL if any(override.startswith("space=") for override in overrides) else (*SMALL, *LAYERED)
    if "fidelity=one_shot" in overrides:
        small = tuple(option for option in small if not option.startswith("fidelity."))  # it has none
    command = [sys.executable, "-m", "server_app.cli", "search", *small, *overrides, f"run.dir={folder}"]
    env = {**os.environ, "PYTHONPATH": str(root), "PYTHONSAFEPATH": "1"}
    folder.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        command, cwd=folder.parent, env=env, capture_output=True, text=True, timeout=timeout, check=False
    )
    return Run(folder, done)


@pytest.fixture(scope="session")
def search() -> Callable[..., Run]:
    """The command, with small settings."""
    return _search


@pytest.fixture(scope="session")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One small search on the digits; several tests look at what it left."""
    return _search(tmp_path_factory.mktemp("honest") / "run")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project whose ClientApp a test may replace."""
    return copy_project(tmp_path / "project")
