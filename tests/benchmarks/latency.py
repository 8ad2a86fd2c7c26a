"""How long networks really take on this machine, against what its profile tells.

    python tests/benchmarks/latency.py [--specs 30] [--threads 1] [--batch 32] [--seed 0]

For each space and kind of data that many specs are drawn. Measured are a forward pass in scoring and a step of
training by the node's own code; the median of some repetitions counts, as in the profile, and with one thread the
processor's time, for what else the machine does should not. Figures only; nothing is asserted.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr

sys.path.insert(0, str(Path(__file__).parents[2]))

from client_app.training import train
from common.architecture.graph import Graph
from common.architecture.kinds.layers import LAYERS
from common.architecture.latency import latency
from common.data.base import Examples
from common.models.builder import build
from common.models.profiling import profile, seconds
from common.seeding import generator
from common.settings import TrainingSettings
from common.tasks import Classification, Task
from server_app.registry import load_choice

TASKS = {
    "vector": Task((40,), Classification(5)),
    "sequence": Task((6, 128), Classification(5)),
    "image": Task((3, 24, 24), Classification(10)),
}
SPACES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "layered": ({}, ("vector", "sequence", "image")),
    "layered, all operations": (
        {"norm": ["group", "layer", "batch"], "operations": list(LAYERS)},
        ("sequence", "image"),
    ),
    "cell, darts": ({"form": "darts"}, ("sequence", "image")),
    "cell, nasbench201": ({"form": "nasbench201"}, ("sequence", "image")),
    "mobile": ({}, ("sequence", "image")),
}
CPU = torch.device("cpu")
STEPS = 8


def measured(graph: Graph, task: Task, batch: int, *, training: bool) -> float:
    """Return the seconds of one batch."""
    rng = generator(0, "examples")
    x = rng.standard_normal((batch * (STEPS if training else 1), *task.input_shape), dtype=np.float32)
    examples = Examples(x, rng.integers(0, task.head.output_width, len(x)))
    model = build(graph)
    if not training:
        model.eval()
        with torch.inference_mode():
            return seconds(lambda: model(torch.from_numpy(x)).numpy(), CPU, 0.02)
    settings = TrainingSettings(batch_size=batch)
    return seconds(lambda: train(model, examples, task.head, settings, 0), CPU, 0.05) / STEPS


def main() -> None:
    """Measure in turn, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--specs", type=int, default=30, help="drawn from each space for each kind of data")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    begin, used = time.perf_counter(), time.process_time()
    node = profile(CPU, [arguments.threads])
    # one number of threads for all: which of them a batch is worth is another question
    node = type(node)(node.device, node.torch, {1: node.tables[arguments.threads]})
    spent = f"profile: {time.perf_counter() - begin:.1f} s, of which {time.process_time() - used:.1f} s of a processor"
    torch.set_num_threads(arguments.threads)
    table = Table(title=f"relative error of latency, batches of {arguments.batch}, {arguments.threads} threads")
    for column in ("space", "data", "work", "fastest ms", "slowest ms", "median", "90th percentile", "bias", "rho"):
        table.add_column(column, justify="left" if column in ("space", "data", "work") else "right")
    every: dict[bool, list[float]] = {False: [], True: []}
    for name, (options, kinds_of_data) in SPACES.items():
        cls: Any = load_choice("space", name.partition(",")[0])
        for data in kinds_of_data:
            task = TASKS[data]
            space = cls(task, cls.Options(**options))
            rng = generator(arguments.seed, "latency", name, data)
            graphs = [space.sample(rng).lower(task) for _ in range(arguments.specs)]
            for training in (False, True):
                real = np.array([measured(graph, task, arguments.batch, training=training) for graph in graphs])
                told = np.array([latency(graph, node, arguments.batch, training=training) for graph in graphs])
                errors = np.abs(told / real - 1)
                every[training].extend(errors)
                table.add_row(
                    name,
                    data,
                    "train" if training else "score",
                    f"{1e3 * real.min():.2f}",
                    f"{1e3 * real.max():.2f}",
                    f"{np.median(errors):.0%}",
                    f"{np.quantile(errors, 0.9):.0%}",
                    f"{np.median(told / real - 1):+.0%}",
                    f"{spearmanr(told, real).statistic:.2f}",
                )
    console = Console(width=120)
    console.print(table)
    console.print(spent)
    for training, errors_of_all in every.items():
        median, tail = np.median(errors_of_all), np.quantile(errors_of_all, 0.9)
        console.print(f"{'train' if training else 'score'}: median {median:.1%}, 90th percentile {tail:.1%}")


if __name__ == "__main__":
    main()
