"""Folders of earlier runs, put together by hand, and what a search asks of them."""

from __future__ import annotations

import json

import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.config import compose_config
from common.tasks import Classification, Task
from server_app.results import write_config

TASK = Task((6,), Classification(3))


def linear(*widths):
    return LayeredSpec(tuple(Linear(width, norm="none") for width in widths))


def scored(trial, rounds, **metrics):
    """A line of a journal."""
    return {"event": "scored", "trial": trial, "rung": 1, "rounds": rounds, "metrics": metrics, "score": 0.0}


@pytest.fixture
def write_run(tmp_path):
    """``write_run(name, trials)`` writes a folder; a trial is a spec, a recipe, and a list of rounds with metrics."""

    def write(name, trials, more=(), task=TASK, weights="scratch", ended=True):
        folder = tmp_path / name
        folder.mkdir()
        write_config(folder, compose_config([f"weights={weights}", "search.start=[]"]))
        events = [{"event": "start"}]
        for number, (spec, recipe, scores) in enumerate(trials):
            trial = f"trial-{number:04d}"
            events.append({"event": "proposed", "trial": trial, "spec": spec.to_dict(), "recipe": recipe})
            events += [scored(trial, rounds, **metrics) for rounds, metrics in scores]
        lines = [json.dumps(event) + "\n" for event in [*events, *more]]
        (folder / "journal.jsonl").write_text("".join(lines))
        if ended:
            (folder / "result.json").write_text(json.dumps({"task": task.to_record()}))
        else:
            (folder / "state.json").write_text(json.dumps({"format": 0, "state": {"task": task.to_dict()}}))
        return str(folder)

    return write
