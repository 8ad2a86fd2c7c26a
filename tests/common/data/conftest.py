import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., str]:
    """Write arrays to an .npz file and return its path."""

    def write(name: str = "data.npz", **arrays: object) -> str:
        path = tmp_path / name
        np.savez(path, **arrays)
        return str(path)

    return write


@pytest.fixture
def shared_data() -> Path:
    """The folder of data files that are not part of the project."""
    default = Path(__file__).parents[4] / "shared" / "data"
    folder = Path(os.environ.get("FLWR_NAS_DATA", default))
    if not (folder / "uci_har.npz").exists():
        pytest.skip("the shared data are not here")
    return folder
