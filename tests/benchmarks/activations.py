"""How much memory activations really take, against what is computed without torch.

    python tests/benchmarks/activations.py [--specs 20] [--seed 0]

For each space and kind of data that many specs are drawn. Saved: the storages that autograd keeps in a forward pass of
training with its loss, on mini-batches of 2, 8 and 32. Live: the peak of torch's allocator while a batch of 64 is
scored, without oneDNN's own copies. Figures only; nothing is asserted.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import median
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[2]))

from common.architecture.activations import live_bytes, saved_bytes
from common.models.builder import build
from common.seeding import generator
from server_app.registry import load_choice
from tests.benchmarks.latency import SPACES, TASKS
from tests.support.activations import peak_in_scoring, saved_by_autograd

MINI_BATCHES, SCORED = (2, 8, 32), 64


def main() -> None:
    """Draw, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--specs", type=int, default=20, help="drawn from each space for each kind of data")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    table = Table(title="relative error of the memory of activations, estimate / torch - 1")
    for column in ("space", "data", "what", "networks", "least", "median", "most"):
        table.add_column(column, justify="left" if column in ("space", "data", "what") else "right")
    for name, (options, kinds_of_data) in SPACES.items():
        cls: Any = load_choice("space", name.partition(",")[0])
        for data in kinds_of_data:
            task = TASKS[data]
            space = cls(task, cls.Options(**options))
            rng = generator(arguments.seed, "activations", name, data)
            errors: dict[str, list[float]] = {"saved": [], "live": []}
            for _ in range(arguments.specs):
                graph = space.sample(rng).lower(task)
                model = build(graph)
                for batch in MINI_BATCHES:
                    x, y = torch.zeros(batch, *task.input_shape), torch.zeros(batch, dtype=torch.int64)
                    real = saved_by_autograd(model, task.head.loss(), x, y)
                    errors["saved"].append(saved_bytes(graph, batch) / real - 1)
                peak = peak_in_scoring(model, torch.zeros(SCORED, *task.input_shape))
                errors["live"].append(live_bytes(graph, SCORED) / peak - 1)
            for what, found in errors.items():
                numbers = (f"{value:+.1%}" for value in (min(found), median(found), max(found)))
                table.add_row(name, data, what, str(arguments.specs), *numbers)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
