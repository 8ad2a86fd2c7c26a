"""A copy of the project whose ClientApp a test may replace."""

from __future__ import annotations

import shutil
from pathlib import Path
from textwrap import dedent, indent

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
        replace_client(folder, client)
    return folder


def replace_client(project: Path, source: str) -> None:
    """Give a copy of the project another ClientApp; the real one is then ``client_app.honest.app``."""
    app = project / "client_app" / "app.py"
    app.rename(app.with_name("honest.py"))
    app.write_text(source, encoding="utf-8")


def client_that(does: str) -> str:
    """Return the source of a ClientApp that does something with `message` and `context` before its honest work."""
    return _FRAME.format(does=indent(dedent(does).strip(), "    "))


_FRAME = """
import time

from flwr.clientapp import ClientApp

from client_app.honest import app as honest

app = ClientApp()


@app.query()
def query(message, context):
    return honest(message, context)


@app.train()
@app.evaluate()
def work(message, context):
{does}
    return honest(message, context)
"""
