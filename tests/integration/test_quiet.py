"""What real searches print with ``--json`` and ``--quiet``."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.simulation


def test_a_sweep_for_programs_is_a_list_and_nothing_else(search, tmp_path):
    """Its second search finds the first one in its folder, and fails."""
    run = search(tmp_path / "run", "-m", "--json", "seed=1,2")
    first, second = json.loads(run.process.stdout)
    assert first == {**run.result, "folder": str(run.folder)}
    assert (first["status"], second["status"], second["folder"]) == ("finished", "failed", None)
    assert second["message"].startswith("A run needs a folder of its own")
    assert run.process.stderr == f"flwr-nas: {second['message']}\n"
    assert run.process.returncode == 1
    assert "json" not in (run.folder / "config.yaml").read_text()


@pytest.mark.thorough
def test_a_quiet_search_with_its_control_prints_its_folder(search, tmp_path):
    run = search(tmp_path / "run", "--quiet", "control=random", "search.trials=2")
    assert (run.process.stdout, run.process.stderr) == (f"{run.folder}\n", "")
    assert run.process.returncode == 0
    assert (run.folder / "control.json").is_file()
