"""How much of a supernet travels: the part of a trial, against the whole.

    python tests/benchmarks/slices.py [--draws 200] [--seed 0] [--set space.norm=[batch]]

For each space with a supernet, and each kind of data: networks are drawn uniformly, and the supernet is what all of
them and the largest have together, as `server_app.supernet` grows it. Numbers are those of weights, with the statistics
of batch norm, in float32; one way. Figures only; nothing is asserted.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, median
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from rich.console import Console
from rich.table import Table

from common.architecture.layout import layout, state_size
from common.config import compose_config
from common.seeding import generator
from common.tasks import Classification, Task
from server_app.build import build_space
from server_app.supernet.paths import Paths
from server_app.supernet.shared import Part, Shared

TASKS = {
    "vector": Task((13,), Classification(3)),
    "sequence": Task((9, 128), Classification(6)),
    "image": Task((1, 28, 28), Classification(10)),
}
SPACES = {
    "layered": ("vector", "sequence", "image"),
    "mobile": ("sequence", "image"),
    "cell": ("sequence", "image"),
}


class Measured(NamedTuple):
    """What parts of one supernet come to.

    Parameters
    ----------
    whole : int
        Numbers of the supernet.
    parts : list of int
        Of each network that was drawn.
    largest : int
        Of the largest network.
    cut, merge : float
        Milliseconds to cut a network out, and to merge four.
    """

    whole: int
    parts: list[int]
    largest: int
    cut: float
    merge: float


def measure(name: str, kind: str, draws: int, seed: int, more: list[str]) -> Measured:
    """Draw networks of a space and look how much of their supernet each is."""
    task = TASKS[kind]
    space = build_space(compose_config([f"space={name}", f"seed={seed}", *more]), task)
    rng, shared = generator(seed, "slices", name, kind), Shared(seed)
    graphs = [space.sample(rng).lower(task) for _ in range(draws)]
    largest = Paths(space, "sandwich", 1, seed).ends[0].lower(task)
    for graph in (largest, *graphs):
        shared.cut(graph)
    began = time.perf_counter()
    packed = [shared.cut(graph) for graph in graphs]
    cut = (time.perf_counter() - began) / draws
    began = time.perf_counter()
    for start in range(0, draws, 4):
        some = zip(graphs[start : start + 4], packed[start : start + 4], strict=True)
        shared.merge([Part(graph, weights, 1) for graph, weights in some])
    merge = (time.perf_counter() - began) / -(-draws // 4)
    sizes = [weights.size for weights in packed]
    return Measured(shared.size, sizes, state_size(layout(largest)), 1e3 * cut, 1e3 * merge)


def rows(draws: int, seed: int, more: list[str]) -> Iterator[tuple[str, str, Measured]]:
    """Yield what was measured, by space and kind of data."""
    for name, kinds in SPACES.items():
        for kind in kinds:
            own = [option for option in more if name == "mobile" or not option.startswith("space.")]
            yield name, kind, measure(name, kind, draws, seed, own)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", nargs="+", default=[], metavar="OVERRIDE", help="of the mobile space")
    arguments = parser.parse_args()
    table = Table(title=f"what of a supernet travels, {arguments.draws} uniform draws")
    for column in ("space", "data"):
        table.add_column(column)
    for column in ("whole, MB", "a part, kB", "of the whole", "median", "largest", "ms to cut", "ms to merge 4"):
        table.add_column(column, justify="right")
    for name, kind, found in rows(arguments.draws, arguments.seed, arguments.set):
        shares = np.array(found.parts) / found.whole
        table.add_row(
            name,
            kind,
            f"{4e-6 * found.whole:.2f}",
            f"{4e-3 * fmean(found.parts):.0f}",
            f"{fmean(shares):.1%}",
            f"{median(shares):.1%}",
            f"{found.largest / found.whole:.1%}",
            f"{found.cut:.2f}",
            f"{found.merge:.2f}",
        )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
