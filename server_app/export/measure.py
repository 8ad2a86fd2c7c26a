"""What a written model is: how large, how fast on this machine, and how far from what was trained."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import StorageError
from server_app.export.base import Format, Run
from server_app.export.trained import Trained

_SECONDS, _CALLS = 0.3, 20
"""That one is timed for, and calls at least."""
_CLOSE = 1e-4
"""Of the largest output: the most by which a format of 32 bits may be off before something is wrong."""
_DRAWN = 16


@dataclass(frozen=True)
class Measured:
    """One written model on this machine.

    Parameters
    ----------
    bytes : int
        Of all files that it needs.
    seconds, slow_seconds : float
        Of one example on one thread, without loading: the median, and what 9 of 10 calls are faster than.
    torch_seconds : float
        The same median of the module that was trained, in torch.
    difference : float
        The largest of outputs from those of what was trained.
    largest : float
        The largest output of what was trained, by its absolute value.
    examples : int
        Over which these were taken.
    """

    bytes: int
    seconds: float
    slow_seconds: float
    torch_seconds: float
    difference: float
    largest: float
    examples: int

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def measure(form: Format, model: Trained, folder: Path, x: NDArray[np.float32] | None) -> Measured:
    """Measure what was written in a folder, on examples, or on noise where there are none.

    Raises
    ------
    StorageError
        Outputs are not those of what was trained; ones of 8 bits may be.
    """
    x = model.drawn(_DRAWN) if x is None else x
    with _one_thread():
        run = form.runner(folder)
        times, times_of_torch = _times(run, x[:1]), _times(model.outputs_of, x[:1])
        wanted = model.outputs_of(x)
        found = np.concatenate([run(x[place : place + 1]) for place in range(len(x))])
    largest = float(np.abs(wanted).max())
    return Measured(
        sum((folder / name).stat().st_size for name in form.files if (folder / name).exists()),
        median(times),
        sorted(times)[9 * len(times) // 10],
        median(times_of_torch),
        float(np.abs(found - wanted).max()),
        largest,
        len(x),
    )


def check_close(name: str, measured: Measured) -> None:
    """Raise `StorageError` where outputs are not those of what was trained, beyond what 32 bits leave."""
    if not measured.difference <= _CLOSE * max(1.0, measured.largest):
        raise StorageError(
            f"A model in the format {name} must answer as what was trained does, and this one's outputs differ by "
            f"{measured.difference:.2g}",
            fix="Use another format, and tell us the architecture",
        )


def _times(run: Run, x: NDArray[np.float32]) -> list[float]:
    run(x)
    found: list[float] = []
    while sum(found) < _SECONDS or len(found) < _CALLS:
        begin = time.perf_counter()
        run(x)
        found.append(time.perf_counter() - begin)
    return found


@contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    given = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(given)
