"""A run folder that a tracker is told of."""

from __future__ import annotations

import pytest

from server_app.registry import load_choice
from server_app.trackers.base import TrackedRun


@pytest.fixture
def tracked(tmp_path):
    """A function from a choice and its options to the tracker of one and the same run."""
    (tmp_path / "run" / "best").mkdir(parents=True)
    for name in ("result.json", "best/spec.json"):
        (tmp_path / "run" / name).write_text(f'"{name}"')

    def make(name, step=1, **options):
        cls = load_choice("tracker", name)
        told = {"search.trials": 3, "space.width": "[8, 16]", "control": None}
        return cls(TrackedRun("0123456789abcdef", "tiny", tmp_path / "run", told, step), cls.Options(**options))

    make.folder = tmp_path / "run"
    make.files = [tmp_path / "run" / "result.json", tmp_path / "run" / "best" / "spec.json"]
    return make
