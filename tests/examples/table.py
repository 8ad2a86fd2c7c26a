"""An example of a tracker: numbers as a table with commas, in the run folder or anywhere else.

``tests/examples/tracker/table.yaml`` makes it a choice: ``flwr-nas search --config-dir tests/examples tracker=table``,
where this folder's project is on PYTHONPATH.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from server_app.trackers.base import TrackedRun, Tracker


class Table(Tracker):
    @dataclass(frozen=True)
    class Options:
        file: str = "scalars.csv"

    def __init__(self, run: TrackedRun, options: Options) -> None:
        self._path = run.folder / options.file
        lines = self._path.read_text().splitlines(keepends=True) if self._path.exists() else []
        self._path.write_text("".join(line for line in lines if int(line.split(",")[0]) < run.step))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        with self._path.open("a") as table:
            table.writelines(f"{step},{name},{value!r}\n" for name, value in values.items())

    def finish(self, status: str, files: Sequence[Path]) -> None:
        self._path.with_suffix(".txt").write_text(f"{status}, with {len(files)} files\n")
