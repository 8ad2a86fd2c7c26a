"""Pictures as files, where matplotlib is installed."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from common.errors import StorageError

_DOTS = 150
"""Of an inch."""


def new_figure(width: float, height: float) -> Any | None:
    """Return an empty figure of so many inches; None where matplotlib is not installed."""
    try:
        figures: Any = import_module("matplotlib.figure")  # not pyplot, which has a state of its own
    except ModuleNotFoundError:
        return None
    return figures.Figure(figsize=(width, height), layout="constrained")


def write_figure(figure: Any, path: Path) -> Path:
    """Write a figure as a PNG file into a folder that exists; raises `StorageError` where that cannot be written."""
    try:
        figure.savefig(path, dpi=_DOTS)
    except OSError as error:
        raise StorageError("A picture needs a folder that can be written", str(path), fix=str(error)) from None
    return path
