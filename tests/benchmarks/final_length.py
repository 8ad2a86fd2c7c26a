"""How much a longer final training gives: the portfolio, trained for so many optimizer steps.

    python tests/benchmarks/final_length.py [--seeds 2] [--sizes 80 160 640] [--steps 50 100 200 400 800] [--alpha 0.3]
        [--nodes 4]

Images are generated, and trials train by federated averaging, as in first_rung.py, on nodes that have so many examples
each, of all classes alike or, with --alpha, in shares that each node draws from a Dirichlet distribution: then nodes
pull apart, and it takes rounds to bring them together, however many steps these have. Each entry of the portfolio
trains from scratch once for each length, since its schedule follows the length. Printed is, by length, the accuracy on
images that nobody trained on, of the best entry and in the mean of all. Figures only; nothing is asserted.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from statistics import fmean

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from common.preprocessing.scaling import Scaling
from common.tasks import Classification, Task
from server_app.portfolio import portfolio_of
from tests.benchmarks.first_rung import BATCH, CLASSES, NODES, SIDE, curve, draw, space_of

SCORED = 2000


def reached(size: int, lengths: list[int], seed: int, number: int, alpha: float) -> list[tuple[float, float]]:
    """Return by length the accuracy of the best entry, and the mean of all."""
    nodes = [draw(size, seed, f"node-{node}", alpha) for node in range(number)]
    task = Task((1, SIDE, SIDE), Classification(CLASSES), Scaling.of(np.concatenate([node.x for node in nodes])))
    scored, trials = draw(SCORED, seed, "scored"), space_of(task)
    entries = portfolio_of(task, trials.space, trials.recipes).entries.values()
    found = []
    for steps in lengths:
        rounds = max(1, round(steps * BATCH / size))
        ends = [float(curve(entry, task, nodes, scored, rounds, seed)[-1]) for entry in entries]
        found.append((max(ends), fmean(ends)))
    return found


def main() -> None:
    """Train, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--sizes", type=int, nargs="+", default=[80, 160, 640])
    parser.add_argument("--steps", type=int, nargs="+", default=[50, 100, 200, 400, 800])
    parser.add_argument("--alpha", type=float, default=math.inf)
    parser.add_argument("--nodes", type=int, default=NODES)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    console = Console()
    for size in asked.sizes:
        table = Table(title=f"{size} examples a node, {asked.seeds} seeds")
        for title in ("steps", "rounds", "best of the portfolio", "mean of it"):
            table.add_column(title, justify="right")
        seeds = [reached(size, asked.steps, seed, asked.nodes, asked.alpha) for seed in range(asked.seeds)]
        for steps, ends in zip(asked.steps, zip(*seeds, strict=True), strict=True):
            means = (f"{fmean(column):.3f}" for column in zip(*ends, strict=True))
            table.add_row(str(steps), str(max(1, round(steps * BATCH / size))), *means)
        console.print(table)


if __name__ == "__main__":
    main()
