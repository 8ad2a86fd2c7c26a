import shutil
from pathlib import Path

import pytest

from server_app.cli import main

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def project(tmp_path, monkeypatch):
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_from_nothing_to_a_fifth_node_and_a_device(project, capsys):
    assert main(["deployment", "init", "--host", "nas.example"]) == 0
    assert main(["deployment", "add-node", "kitchen", "--max-params", "20000"]) == 0
    assert main(["deployment", "add-node", "board", "--device", "--max-macs", "5000"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "deployment is ready: docker compose up -d --build",
        "Put its data into deployment/kitchen/data.npz, then: docker compose up -d",
        "Copy deployment/devices/board to the device, see its README; then here: flwr-nas deployment register",
    ]
    assert "max-params=20000" in (project / "docker-compose.override.yml").read_text()
    assert "max-macs=5000" in (project / "deployment" / "devices" / "board" / "node.env").read_text()


def test_a_mistake_is_one_line(project, capsys):
    assert main(["deployment", "add-node", "Kitchen"]) == 1
    errors = capsys.readouterr().err
    assert errors.startswith("flwr-nas: A node's name")
    assert errors.count("\n") == 1
    assert [path.name for path in project.iterdir()] == ["docker-compose.yml"]
