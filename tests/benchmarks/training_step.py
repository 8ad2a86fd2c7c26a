"""Milliseconds of one training step: ours against the loop that anybody would write by hand.

    python tests/benchmarks/training_step.py [--repeats 15]

All loops train the same network on the same examples, in turn, so that a busy machine slows them alike; the
best of the repeats is printed, with the ratio to ours. One thread, as a simulated node has.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812
from torch.utils.data import DataLoader, TensorDataset

sys.path.insert(0, str(Path(__file__).parents[2]))

from client_app.training import train
from common.architecture.cost import cost_of
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Conv1d, Linear, MaxPool
from common.architecture.spec import ArchitectureSpec
from common.data.base import Examples
from common.models.builder import build
from common.seeding import generator
from common.settings import TrainingSettings
from common.tasks import Classification, Task

BATCH = 32
MLP = LayeredSpec((Linear(128, norm="none", dropout=0.1), Linear(64, norm="none", dropout=0.1)))
CNN = LayeredSpec(
    (
        Conv1d(64, kernel=5, norm="none"),
        MaxPool(2),
        Conv1d(64, kernel=5, norm="none"),
        MaxPool(2),
        Conv1d(128, kernel=5, norm="none"),
    ),
    reduce="avg",
)
CASES = {
    "MLP 32-128-64-10, dropout": (
        MLP,
        Task((32,), Classification(10)),
        200,
        20,
    ),  # examples of a node, epochs of one timing
    "CNN 9x128, three layers": (CNN, Task((9, 128), Classification(6)), 256, 2),
}


def mlp_by_hand() -> nn.Module:
    """The tutorial's kind of network."""
    return nn.Sequential(
        *(nn.Linear(32, 128), nn.ReLU(), nn.Dropout(0.1)),
        *(nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.1)),
        nn.Linear(64, 10),
    )


def cnn_by_hand() -> nn.Module:
    """The same three convolutions with torch's own modules."""
    return nn.Sequential(
        *(nn.Conv1d(9, 64, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2)),
        *(nn.Conv1d(64, 64, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2)),
        *(nn.Conv1d(64, 128, 5, padding=2), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten()),
        nn.Linear(128, 6),
    )


def loop_by_hand(model: nn.Module, examples: Examples, epochs: int, *, fused: bool, loader: bool) -> None:
    """Train as the tutorials do."""
    x, y = torch.from_numpy(examples.x), torch.from_numpy(examples.y)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001, fused=fused)
    batches = DataLoader(TensorDataset(x, y), batch_size=BATCH, shuffle=True)
    model.train()
    for _ in range(epochs):
        index = torch.randperm(len(y))
        for a, b in batches if loader else zip(torch.split(x[index], BATCH), torch.split(y[index], BATCH), strict=True):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(a), b)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            loss.item()


def loops(spec: ArchitectureSpec, task: Task, examples: Examples, epochs: int) -> dict[str, Callable[[], object]]:
    """Return the loops to compare, by name; each builds its model anew."""
    by_hand = mlp_by_hand if task.kind == "vector" else cnn_by_hand
    settings = TrainingSettings(batch_size=BATCH, epochs=epochs)
    return {
        "ours": lambda: train(build(spec.lower(task)), examples, task.head, settings, 0),
        "by hand, fused Adam, no DataLoader": lambda: loop_by_hand(
            by_hand(), examples, epochs, fused=True, loader=False
        ),
        "by hand, fused Adam, DataLoader": lambda: loop_by_hand(by_hand(), examples, epochs, fused=True, loader=True),
        "by hand, Adam, DataLoader": lambda: loop_by_hand(by_hand(), examples, epochs, fused=False, loader=True),
    }


def main() -> None:
    """Time and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    rng = generator(0, "benchmark")
    for title, (spec, task, n, epochs) in CASES.items():
        cost = cost_of(spec.lower(task))
        print(f"{title}: {cost.parameters} parameters, {cost.macs} MACs, batches of {BATCH}")
        x = rng.normal(size=(n, *task.input_shape)).astype(np.float32)
        compared = loops(spec, task, Examples(x, rng.integers(0, task.head.output_width, n)), epochs)
        seconds: dict[str, list[float]] = {name: [] for name in compared}
        for _ in range(repeats):
            for name, loop in compared.items():
                begin = time.perf_counter()
                loop()
                seconds[name].append(time.perf_counter() - begin)
        steps = epochs * -(-n // BATCH)
        best = min(seconds["ours"])
        for name, times in seconds.items():
            print(f"  {min(times) / steps * 1000:8.3f} ms a step  {min(times) / best:5.2f} x  {name}")


if __name__ == "__main__":
    main()
