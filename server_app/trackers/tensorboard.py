"""TensorBoard: the numbers of a run as an event file in its folder, ``tensorboard --logdir runs`` shows those of all.

The writer is torch's, which the server has anyway; the package tensorboard gives it the format, and brings the viewer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from server_app.trackers.base import TrackedRun, Tracker

FOLDER = "tensorboard"
"""In a run folder."""


class TensorBoard(Tracker):
    """Writes event files.

    What was cut away of a run that goes on stays in the earlier file, and the later one says from which step on it does
    not count.
    """

    needs = ("tensorboard",)
    extra = "tensorboard"

    def __init__(self, run: TrackedRun, options: Tracker.Options) -> None:
        from torch.utils.tensorboard import SummaryWriter

        again = (run.folder / FOLDER).is_dir()
        self._writer = SummaryWriter(str(run.folder / FOLDER), purge_step=run.step if again else None)
        table = [f"| {name} | {value} |" for name, value in run.options.items()]
        self._writer.add_text("configuration", "\n".join(["| option | value |", "| --- | --- |", *table]), run.step)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Take the numbers of one step; see `Tracker.scalars`."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def finish(self, status: str, files: Sequence[Path]) -> None:
        """Write what is left."""
        self._writer.close()
