"""A real simulation that scores a few specs without training."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.models.proxies import PROXIES

pytestmark = pytest.mark.simulation

ROOT = Path(__file__).resolve().parents[2]


def test_the_command_scores_specs_in_one_message_a_node_and_shows_the_best(tmp_path):
    folder = tmp_path / "run"
    options = ("count=5", "top=1", "federation.nodes=3", "space.max_macs=200000", "seed=2", f"run.dir={folder}")
    done = subprocess.run(
        [sys.executable, "-m", "server_app.cli", "proxies", *options],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((folder / "proxies.json").read_text())
    assert (found["status"], found["counts"]["exchanges"], len(found["nodes"])) == ("finished", 1, 3)
    for spec in found["specs"]:
        assert tuple(spec["scores"]) == PROXIES
        assert spec["nodes"] == dict.fromkeys(("synflow", "grad_norm", "naswot"), 3)
        assert spec["scores"]["macs"] <= 200_000
    assert len({spec["id"] for spec in found["specs"]}) == 5
    assert "digits, seed 2: 5 specs on 3 nodes" in done.stdout
    assert found["specs"][0]["id"] in done.stdout
    assert {path.name for path in folder.iterdir()} == {"flower.log", "journal.jsonl", "proxies.json"}
