"""What any step of training takes besides its MACs, in MACs: the constant in server_app/spaces/trial_space.py.

    python tests/benchmarks/steps.py [--networks 20]

Networks that the default space draws for vectors, sequences and images are trained for some steps of 32 random
examples, on one thread. A line is fitted to the CPU time of a step over its MACs, each network weighed by its own time.
Figures only; nothing is asserted.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from common.models.builder import build
from common.seeding import generator
from common.tasks import Classification, Task
from server_app.spaces.layered import LayeredSpace

SHAPES = {"vectors": (16,), "sequences": (9, 128), "small images": (1, 12, 12), "images": (1, 28, 28)}
CLASSES, BATCH, STEPS, REPEATS = 6, 32, 4, 5


def seconds_of_a_step(model: torch.nn.Module, shape: tuple[int, ...]) -> float:
    """Return the CPU seconds of one step of training: the least of several measurements."""
    x, y = torch.randn(BATCH, *shape), torch.randint(0, CLASSES, (BATCH,))
    optimizer = torch.optim.Adam(model.parameters())

    def measure() -> float:
        begun = time.process_time()
        for _ in range(STEPS):
            optimizer.zero_grad()
            cross_entropy(model(x), y).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return (time.process_time() - begun) / STEPS

    return min(measure() for _ in range(REPEATS + 1))  # the first of them warms up


def line(macs: list[float], seconds: list[float]) -> tuple[float, float]:
    """Return the seconds of a step without MACs, and of each MAC, with the least relative squared error."""
    design = np.stack([np.ones(len(macs)), np.array(macs)], axis=1) / np.array(seconds)[:, None]
    (constant, slope), *_ = np.linalg.lstsq(design, np.ones(len(macs)), rcond=None)
    return float(constant), float(slope)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=20, help="of each kind of data")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    macs: list[float] = []
    seconds: list[float] = []
    for name, shape in SHAPES.items():
        space = LayeredSpace(Task(shape, Classification(CLASSES)), LayeredSpace.Options())
        for spec in space.samples(arguments.networks, generator(0, "steps", name)):
            macs.append(float(space.cost(spec).macs * BATCH))
            seconds.append(seconds_of_a_step(build(spec.lower(space.task)), shape))
        print(f"{name}: {arguments.networks} networks", flush=True)
    constant, slope = line(macs, seconds)
    print(f"a step takes {1e3 * constant:.2f} ms and {1e9 * slope:.2f} s for 1e9 MACs of its examples forward")
    print(f"so what any step takes is as {constant / slope / BATCH:,.0f} MACs of each of its {BATCH} examples")


if __name__ == "__main__":
    main()
