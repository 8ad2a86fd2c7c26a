"""What a trial takes on a device: peak memory as it is estimated for any, and latency by the profile of one."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path

from common.architecture.cost import Cost
from common.architecture.latency import Profile, latency
from common.architecture.memory import peak_memory
from common.architecture.spec import ArchitectureSpec
from common.errors import ConfigError
from common.settings import TrainingSettings
from common.tasks import Task
from server_app.objectives.costs import Footprint, Measure

BATCH = 32
"""Examples of the mini-batch whose scoring `Footprint.latency_ms` tells: as `tests/benchmarks/latency.py` checks it."""
_MIB = 2**20


def footprints(task: Task, profile: str | None) -> Measure:
    """Return what measures trials of a task.

    Parameters
    ----------
    task : Task
        That the handshake told.
    profile : str, optional
        File that ``flwr-nas profile`` wrote; None where no latency is asked for.

    Raises
    ------
    ConfigError
        The file cannot be read, or is none.
    """
    device = None if profile is None else _read(Path(profile))

    @lru_cache(maxsize=4096)
    def on_device(spec: ArchitectureSpec, recipe: TrainingSettings) -> tuple[float, float | None]:
        graph = spec.lower(task)
        seconds = None if device is None else latency(graph, device, BATCH, training=False)
        return peak_memory(graph, recipe) / _MIB, None if seconds is None else 1000 * seconds

    def measure(cost: Cost, spec: ArchitectureSpec, recipe: TrainingSettings) -> Footprint:
        return Footprint(cost.parameters, cost.buffers, cost.macs, cost.message_bytes, *on_device(spec, recipe))

    return measure


@cache
def _read(path: Path) -> Profile:
    try:
        return Profile.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"objective.latency must be a file that flwr-nas profile wrote ({error})", str(path), fix="Call it again"
        ) from None
