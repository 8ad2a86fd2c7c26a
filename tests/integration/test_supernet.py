"""A small search whose trials share one network."""

from __future__ import annotations

import json

import pytest
import torch

from common.architecture.cost import cost_of
from common.architecture.spec import ArchitectureSpec
from common.models.export import load_model
from common.tasks import task_from_record
from server_app.cli import main

pytestmark = pytest.mark.simulation

NODES, ROUNDS, PATHS, TRIALS = 3, 2, 3, 6
SMALL = (
    "space=mobile",
    "space.stages=[{width: [4, 8], stride: 2, depth: 2}]",
    "space.norm=[batch, group]",
    "weights=supernet",
    f"weights.rounds={ROUNDS}",
    f"weights.paths={PATHS}",
    "fidelity=one_shot",
    "controller=evolution",
    "controller.population_size=2",
    "controller.sample_size=2",
    f"search.trials={TRIALS}",
    "search.start=portfolio",
    "final.rounds=1",
    f"federation.nodes={NODES}",
)


def test_paths_train_one_network_and_trials_are_scored_with_parts_of_it(search, tmp_path, capsys):
    run = search(tmp_path / "run", *SMALL)
    assert run.process.returncode == 0, run.output
    kinds = [(event["event"], event.get("trial", "").partition("-")[0]) for event in run.events]
    assert kinds.count(("round", "path")) == ROUNDS * PATHS
    assert kinds.count(("round", "trial")) == 0
    assert kinds.count(("scored", "trial")) == TRIALS
    assert f"after a warm-up of {ROUNDS} rounds of {PATHS} paths" in run.output
    assert run.result["status"] == "finished"
    task = task_from_record(run.result["task"])

    def numbers(values):
        cost = cost_of(ArchitectureSpec.from_dict(values).lower(task))
        return cost.parameters + cost.buffers

    specs = {event["trial"]: event["spec"] for event in run.kinds("proposed")}
    parts = [numbers(spec) for name, spec in specs.items() if name.startswith("path")]
    assert run.result["bytes"]["warm_up"] == 2 * 4 * NODES * sum(parts), "the parts travel, there and back"
    assert run.result["mac_examples"]["warm_up"] > 0
    assert all(row["rounds"] == 0 and row["bytes_down"] == 4 * NODES * numbers(row["spec"]) for row in run.history)

    assert main(["pick", str(run.folder), "--scored", "--max-macs", "1e9", "--model", str(run.folder / "cut")]) == 0
    assert "at rung 1" in capsys.readouterr().out
    model = load_model(run.folder / "cut")
    assert torch.isfinite(model(torch.zeros(2, *task.input_shape))).all()
    best = json.loads((run.folder / "cut" / "spec.json").read_text())["spec"]
    assert best == run.history[0]["spec"]
