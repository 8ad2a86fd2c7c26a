import shutil
from pathlib import Path

import pytest

from server_app.deployment.folder import DeploymentFolder

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with docker-compose.yml, where the command is called."""
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def folder(project):
    return DeploymentFolder(project / "deployment")
