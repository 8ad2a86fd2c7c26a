"""Journals that are written by hand, as rows of events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from common.architecture.cost import cost_of
from common.architecture.spec import ArchitectureSpec
from common.config import compose_config
from common.settings import TrainingSettings
from common.tasks import Classification, Task
from server_app.results import write_config

Event = dict[str, Any]

TASK = Task((4,), Classification(3))
SPACE = ["space=layered", "space.max_layers=1", "space.operations=[linear]", "space.width=[3,5,8]", "training=adam"]


def spec_of(width: int, activation: str = "relu") -> ArchitectureSpec:
    layer = {"op": "linear", "width": width, "activation": activation, "norm": "group", "dropout": 0.1}
    return ArchitectureSpec.from_dict({"version": 1, "kind": "layered", "layers": [layer]})


class Written:
    """Writes events one a second, and what else lies in a run folder."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def add(self, event: str, **fields: Any) -> Written:
        self.events.append({"n": len(self.events), "event": event, "time": float(len(self.events)), **fields})
        return self

    def begin(self, *nodes: str) -> Written:
        self.add("start", name="by hand", seed=7, folder="runs/by-hand", started_at=0.0)
        for name in nodes:
            facts = {"examples": 30, "validation": 10, "test": 10, "device": "cpu", "limits": {}}
            self.add("node", node=name, head=TASK.head.to_dict(), **facts)
        return self

    def proposed(self, number: int, width: int = 3, parent: int | None = None, label: str = "trial") -> Written:
        spec = spec_of(width)
        cost = cost_of(spec.lower(TASK))
        return self.add(
            "proposed",
            trial=f"{label}-{number:04d}",
            spec_id=spec.id,
            spec=spec.to_dict(),
            recipe=TrainingSettings().to_json(),
            origin="sample" if parent is None else "mutation",
            parent=parent,
            repeats=None,
            parameters=cost.parameters,
            macs=cost.macs,
        )

    def round(self, name: str, number: int, sent: int, macs: int = 0) -> Written:
        spent = {"bytes_down": sent, "bytes_up": sent, "mac_examples": macs}
        return self.add("round", trial=name, round=number, num_nodes=2, loss=1.0, **spent)

    def scored(self, name: str, rung: int, value: float, sent: int, macs: int = 0, **more: Any) -> Written:
        spent = {"bytes_down": sent, "bytes_up": sent, "mac_examples": macs}
        fields = {"rung": rung, "rounds": rung, "score": value, "values": {"accuracy": value}, "feasible": True}
        return self.add(
            "scored", **{"trial": name, "split": "validation", "metrics": {"nodes": 2.0}, **fields, **spent, **more}
        )

    def best(self, name: str, rung: int, value: float) -> Written:
        return self.add("best", trial=name, score=value, values={"accuracy": value}, rung=rung, feasible=True)

    def folder(self, path: Path, result: Event | None = None, history: list[Event] | None = None) -> Path:
        path.mkdir(exist_ok=True, parents=True)
        write_config(path, compose_config(SPACE))
        (path / "journal.jsonl").write_text("".join(f"{json.dumps(event)}\n" for event in self.events))
        (path / "result.json").write_text(json.dumps({"task": TASK.to_record(), "status": "running", **(result or {})}))
        if history is not None:
            (path / "history.json").write_text(json.dumps(history))
        return path


@pytest.fixture
def written() -> Written:
    return Written()


@pytest.fixture
def searched(written: Written) -> Written:
    """Three trials: the first is best at rung 1, its child trains on and is best, and one fails."""
    written.begin("a", "b")
    for number, width, parent in ((0, 3, None), (1, 5, 0), (2, 8, None)):
        written.proposed(number, width, parent)
    written.round("trial-0000", 1, 100, 1000).scored("trial-0000", 1, 0.6, 150, 1500).best("trial-0000", 1, 0.6)
    written.round("trial-0001", 1, 200, 2000).scored("trial-0001", 1, 0.5, 300, 2500)
    written.add("stopped", trial="trial-0000", rung=1, score=0.6, values={"accuracy": 0.6})
    written.round("trial-0001", 2, 400, 4000).scored("trial-0001", 2, 0.7, 500, 4500).best("trial-0001", 2, 0.7)
    written.add("finished", trial="trial-0001", rung=2, score=0.7, values={"accuracy": 0.7})
    return written.add("failed", trial="trial-0002", rung=0, score=None, values={}, reason="it diverged")
