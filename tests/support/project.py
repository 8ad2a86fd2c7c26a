"""A copy of the project whose ClientApp a test may replace."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def copy_project(folder: Path, client: str | None = None) -> Path:
    """Copy what runs into `folder`; return it.

    Parameters
    ----------
    folder : Path
        New.
    client : str, optional
        Source of another ClientApp; the real one is then ``client_app.honest.app``.
    """
    for name in ("server_app", "client_app", "common", "conf"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder / name)
    if client is not None:
        app = folder / "client_app" / "app.py"
        app.rename(app.with_name("honest.py"))
        app.write_text(client, encoding="utf-8")
    return folder
