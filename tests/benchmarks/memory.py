"""What training and scoring a network really take, against the estimate that a node's `max-memory-mb` goes by.

    python tests/benchmarks/memory.py [--quick] [--threads 2] [--seed 0] [--random 40]

Each case is a process of its own, which first does a tiny network, so that torch and oneDNN have what they always need.
Then it sets back the kernel's mark of the most memory that it had (VmHWM; Linux only), and does what a node does with
a job: several epochs of a mini-batch each, or three batches of scoring, for the C library's heap grows until the second
or third. The examples are there before, as on a node. Figures only; nothing is asserted.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import multiprocessing
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[2]))

from client_app.training import train
from common.architecture.initial import initial_weights
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Conv1d, Conv2d, Convolution, Linear, MaxPool
from common.architecture.memory import SCORING_BATCH, scoring_memory, training_memory
from common.architecture.spec import ArchitectureSpec
from common.data.base import Examples
from common.models.builder import build
from common.models.evaluation import evaluate
from common.seeding import generator
from common.settings import TrainingSettings
from common.tasks import Classification, Task

HEAD = Classification(5)
MIB = 2**20
SETTINGS = TrainingSettings(epochs=4)
CHANNELS = (1, 2, 3, 4, 8, 16, 32)
SHAPES = ((64,), (1024,), (8, 8), (32, 32), (64, 64))
WARM_UP = (
    (LayeredSpec((Conv1d(1), MaxPool())), Task((1, 4), HEAD)),
    (LayeredSpec((Conv2d(1), MaxPool())), Task((1, 4, 4), HEAD)),
)
Weights = NDArray[np.float32]
Case = tuple[ArchitectureSpec, Task, str, int]
"""Spec, task, what is done, threads."""


def conv(extents: tuple[int, ...]) -> type[Convolution]:
    """Return the layer for these spatial extents."""
    return (Conv1d, Conv2d)[len(extents) - 1]


def grid(*, quick: bool) -> Iterator[tuple[ArchitectureSpec, Task]]:
    """Yield two convolutions that keep the channels of their input, and some networks as people have them."""
    for extents in SHAPES:
        for channels in CHANNELS:
            for kernel in (3,) if quick else (3, 5):
                layer = conv(extents)(channels, kernel=kernel, norm="none", activation="none")
                yield LayeredSpec((layer, layer), "avg"), Task((channels, *extents), HEAD)
    yield LayeredSpec((Linear(128), Linear(64))), Task((32,), HEAD)
    yield LayeredSpec((Linear(1024), Linear(1024))), Task((784,), HEAD)
    yield (
        LayeredSpec((Conv1d(64, kernel=5), MaxPool(), Conv1d(64), MaxPool(), Conv1d(128)), "avg"),
        Task((9, 128), HEAD),
    )
    yield LayeredSpec((Conv2d(16), MaxPool(), Conv2d(32), MaxPool(), Linear(64))), Task((1, 28, 28), HEAD)
    yield LayeredSpec((Conv2d(32), MaxPool(), Conv2d(64), Conv2d(64, skip=2)), "avg"), Task((3, 32, 32), HEAD)
    yield LayeredSpec((Conv2d(16), *(Conv2d(16, skip=n) for n in range(11))), "avg"), Task((3, 32, 32), HEAD)


def drawn(seed: int, count: int) -> Iterator[tuple[ArchitectureSpec, Task]]:
    """Yield chains of convolutions of other widths, kernels, strides, norms and depths."""
    rng = generator(seed, "memory")
    for _ in range(count):
        extents = SHAPES[rng.integers(len(SHAPES))]
        norm, activation = rng.choice(["none", "group", "batch"]), rng.choice(["none", "relu", "gelu"])
        layers = [
            conv(extents)(
                int(rng.choice(CHANNELS)),
                kernel=int(rng.choice([1, 3, 5])),
                stride=int(rng.choice([1, 1, 1, 2])),
                norm=str(norm),
                activation=str(activation),
                skip=index - 1 if rng.random() < 0.3 else None,
            )
            for index in range(rng.integers(1, 7))
        ]
        yield LayeredSpec(tuple(layers), "avg"), Task((int(rng.choice([1, 2, 3, 4, 9])), *extents), HEAD)


def status(name: str) -> int:
    """Return the bytes that the kernel tells of this process."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024


def job(spec: ArchitectureSpec, task: Task, work: str, examples: Examples, received: Weights) -> None:
    """Do what a node does."""
    model = build(spec.lower(task), received.copy())
    if work == "train":
        train(model, examples, task.head, SETTINGS, 0)
    else:
        evaluate(model, examples, task.head)


def prepared(spec: ArchitectureSpec, task: Task, count: int) -> tuple[Examples, Weights]:
    """Return random examples and weights."""
    rng = generator(0, "examples")
    x = rng.standard_normal((count, *task.input_shape), dtype=np.float32)
    return Examples(x, rng.integers(0, HEAD.output_width, count)), initial_weights(spec.lower(task), rng)


def measured(case: Case) -> int:
    """Return the bytes that a case takes at its peak beside what the process has before; called in a new process."""
    spec, task, work, threads = case
    torch.set_num_threads(threads)
    for tiny in WARM_UP:
        for first in ("train", "score"):
            job(*tiny, first, *prepared(*tiny, 8))
    examples, received = prepared(spec, task, SETTINGS.batch_size if work == "train" else 3 * SCORING_BATCH)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = status("VmRSS")
    job(spec, task, work, examples, received)
    return status("VmHWM") - before


def estimated(case: Case) -> int:
    """Return the bytes that the estimate tells for a case."""
    graph = case[0].lower(case[1])
    return training_memory(graph, SETTINGS) if case[2] == "train" else scoring_memory(graph)


def main() -> None:
    """Measure in turn, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one kernel, and 10 drawn networks")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--random", type=int, default=40, help="networks that are drawn")
    arguments = parser.parse_args()
    networks = [*grid(quick=arguments.quick), *drawn(arguments.seed, 10 if arguments.quick else arguments.random)]
    cases = [(spec, task, work, arguments.threads) for spec, task in networks for work in ("train", "score")]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "rich.table"])
    table = Table(title=f"MiB, batches of {SETTINGS.batch_size} and {SCORING_BATCH}, {arguments.threads} threads")
    for column in ("input", "network", "work", "measured", "estimate", "ratio"):
        table.add_column(column, justify="left" if column in ("input", "network", "work") else "right")
    ratios = []
    with context.Pool(1, maxtasksperchild=1) as pool:
        for case, real in zip(cases, pool.imap(measured, cases, chunksize=1), strict=True):
            estimate = estimated(case)
            ratios.append(estimate / real)
            numbers = (f"{real / MIB:.1f}", f"{estimate / MIB:.1f}", f"{ratios[-1]:.2f}")
            table.add_row("x".join(map(str, case[1].input_shape)), case[0].describe(), case[2], *numbers)
    console = Console(width=140)
    console.print(table)
    console.print(f"ratio: least {min(ratios):.2f}, median {median(ratios):.2f}, largest {max(ratios):.2f}")


if __name__ == "__main__":
    main()
