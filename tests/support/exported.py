"""A run that was put together by hand: a network that was trained for a second on the embedded digits."""

from __future__ import annotations

import json

import numpy as np
import torch

from common import __version__
from common.architecture.initial import initial_weights
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Conv2d, Linear
from common.config import compose_config
from common.data import Holder, load_node_data
from common.models.builder import build, flat_state
from common.models.export import save_model
from common.preprocessing.scaling import Scaling
from common.seeding import generator
from common.tasks import Task
from server_app.results import write_config

NODES, SEED = 2, 3
SPEC = LayeredSpec((Conv2d(8, kernel=3, stride=2, norm="batch"), Linear(16)), "flatten")
TESTS = [{"accuracy": accuracy, "loss": 0.2, "nodes": 2.0, "examples": 360.0} for accuracy in (0.9, 0.92, 0.94)]


def write_run(folder):
    """Write the folder of a finished run, with a front of two."""
    config = compose_config(["dataset=digits", f"federation.nodes={NODES}", f"seed={SEED}"])
    data = [load_node_data(config.dataset, Holder(node, NODES), SEED) for node in range(NODES)]
    x, y = (np.concatenate([getattr(one.train, name) for one in data]) for name in ("x", "y"))
    task = Task(x.shape[1:], data[0].task.head, Scaling.of(x))
    weights = trained(task, x, y)
    metadata = {"score": 0.9, "test": TESTS[1], "trained": {"stage": "final", "rounds": 25, "run": 1}, "seed": SEED}
    save_model(folder / "best", SPEC, task, weights, metadata)
    save_model(folder / "front" / "trial-0007", SPEC, task, np.zeros_like(weights), metadata)
    entry = {"trial": 5, "origin": "sample", "tests": TESTS, "test": TESTS[1], "gain_over": {}, "recipe": {"epochs": 2}}
    front = [
        entry | {"folder": "best"},
        entry | {"trial": 7, "folder": "front/trial-0007"},
        {"trial": 9, "folder": None},
    ]
    result = {
        "status": "finished",
        "name": "digits",
        "winner": entry,
        "front": front,
        "model": metadata["trained"],
        "counts": {"nodes": NODES, "trials": 12},
        "seed": SEED,
        "task": task.to_record(),
        "versions": {"flwr-nas": __version__},
        "finished_at": "2026-01-01T00:00:00Z",
    }
    (folder / "result.json").write_text(json.dumps(result))
    write_config(folder, config)


def trained(task, x, y):
    weights = initial_weights(SPEC.lower(task), generator(0))
    module = build(SPEC.lower(task), weights)
    optimizer = torch.optim.Adam(module.parameters(), 0.01)
    inputs, labels = torch.from_numpy(x), torch.from_numpy(y)
    for batch in range(60):
        rows = torch.from_numpy(generator(batch, "rows").integers(0, len(y), 64))
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(module(inputs[rows]), labels[rows]).backward()
        optimizer.step()
    return flat_state(module).detach().numpy().copy()
