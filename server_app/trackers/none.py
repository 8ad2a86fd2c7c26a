"""No tracker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from server_app.trackers.base import TrackedRun, Tracker


class NoneTracker(Tracker):
    """Shows nothing: the journal, result.json and report.html have it all."""

    def __init__(self, run: TrackedRun, options: Tracker.Options) -> None:
        pass

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Do nothing."""

    def finish(self, status: str, files: Sequence[Path]) -> None:
        """Do nothing."""
