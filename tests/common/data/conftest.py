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
