"""How well zero-cost scores tell what training would: Spearman's rho of each with trained validation scores.

    python tests/benchmarks/proxies.py [--specs 30] [--rounds 15] [--seed 0] [--set OVERRIDE ...]
    python tests/benchmarks/proxies.py --data uci_har.npz --set federation.nodes=21 dataset.split=block dataset.gap=1
        space.max_macs=300000

Specs are drawn from the space of a configuration, by default that of the digits. Each is scored by the nodes as in a
federation, and trains by federated averaging on all of them; then it is scored on their validation examples. With
--data the file is shared out by its natural partition. Beside rho stands its 95 % interval (D. G. Bonett and T. A.
Wright, "Sample Size Requirements for Estimating Pearson, Kendall and Spearman Correlations", Psychometrika 65, 2000),
and where the best of the trained has its place among all. Figures only; nothing is asserted.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.stats import spearmanr

from client_app.jobs import do_jobs
from client_app.node import Node
from client_app.training import train
from common.architecture.initial import initial_weights
from common.architecture.spec import ArchitectureSpec
from common.config import Config, compose_config
from common.data import Holder, NodeData, load_node_data
from common.jobs import NO_ARRAYS, Job, Order, Work
from common.metrics import summarise
from common.models.builder import build, flat_state
from common.models.evaluation import evaluate
from common.models.proxies import graph_scores
from common.preprocessing.scaling import Scaling
from common.seeding import child_seed, generator
from common.settings import TrainingSettings
from common.tasks import Task
from server_app.build import build_space
from server_app.proxies import averaged
from server_app.proxy_ranking import MEAN_RANK, ProxyScores, rank_all
from server_app.spaces.recipes import RecipeSpace

Z = 1.96


class Federation:
    """All nodes, in this process.

    Parameters
    ----------
    config : Config
        Which data, and how many nodes.
    """

    def __init__(self, config: Config) -> None:
        count = config.federation.nodes or 1
        self.config = config
        self.nodes = [Node(f"partition-{at}", Holder(at, count), simulated=True) for at in range(count)]
        self.data: list[NodeData] = [load_node_data(config.dataset, node.holder, config.seed) for node in self.nodes]
        shape, head = self.data[0].task.input_shape, self.data[0].task.head
        self.task = Task(shape, head, Scaling.of(np.concatenate([data.train.x for data in self.data])))
        self.recipe: TrainingSettings = RecipeSpace.of(config.training, self.task).default

    def specs(self, count: int) -> list[ArchitectureSpec]:
        """Draw different specs from the space."""
        space, rng = build_space(self.config, self.task), generator(self.config.seed, "specs")
        found: dict[ArchitectureSpec, None] = {}
        while len(found) < count and (spec := space.sample_other(found, rng)) is not None:
            found[spec] = None
        return list(found)

    def scored(self, specs: Sequence[ArchitectureSpec]) -> list[ProxyScores]:
        """Score specs by proxies, on all nodes."""
        work = Work("proxy", "train", 0, self.recipe)
        jobs = tuple(Job(spec.id, spec.id, spec, NO_ARRAYS, work) for spec in specs)
        order = Order(self.config.seed, math.inf, self.task, self.config.dataset, jobs)
        answers = {node.name: do_jobs(order, node) for node in self.nodes}
        found = []
        for at, spec in enumerate(specs):
            done = {name: results[at] for name, results in answers.items() if results[at].status == "done"}
            by_node = {name: (result.metrics, result.num_examples) for name, result in done.items()}
            found.append(ProxyScores(spec, graph_scores(spec.lower(self.task)) | averaged(by_node)))
        return found

    def trained(self, spec: ArchitectureSpec, rounds: int) -> float:
        """Train by federated averaging, and return the primary metric over the nodes' validation examples."""
        graph, seed = spec.lower(self.task), self.config.seed
        weights = initial_weights(graph, generator(seed, "weights", spec.id))
        sizes = [len(data.train) for data in self.data]
        for number in range(1, rounds + 1):
            updates = []
            for node, data in zip(self.nodes, self.data, strict=True):
                model = build(graph, weights)
                drawn = child_seed(seed, "train", spec.id, number, node.name)
                train(model, data.train, self.task.head, self.recipe.in_round(number, rounds), drawn)
                updates.append(flat_state(model).numpy().copy())
            weights = np.average(updates, axis=0, weights=sizes).astype(np.float32)
        model, metric = build(graph, weights), self.task.head.primary[0]
        parts = [data.validation for data in self.data if len(data.validation)]
        values = [evaluate(model, part, self.task.head)[metric] for part in parts]
        return summarise(values, [len(part) for part in parts])["mean"]


def interval(rho: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval of Spearman's rho of so many pairs."""
    half = Z * math.sqrt((1 + rho**2 / 2) / (count - 3))
    return math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half)


def table(found: Sequence[ProxyScores], trained: Sequence[float], title: str) -> Table:
    """Return what is printed."""
    shown = Table(title=title, title_justify="left")
    for column in ("score", "Spearman's rho", "95 % interval", "specs", "rank of the best trained"):
        shown.add_column(column, justify="left" if column == "score" else "right")
    best = int(np.argmax(trained))
    for name, ranks in rank_all(found).items():
        having = [at for at, each in enumerate(found) if name == MEAN_RANK or name in each.scores]
        rho = float(spearmanr([-ranks[at] for at in having], [trained[at] for at in having]).statistic)
        low, high = interval(rho, len(having))
        shown.add_row(name, f"{rho:+.2f}", f"{low:+.2f} to {high:+.2f}", str(len(having)), f"{ranks[best]:g}")
    return shown


def main() -> None:
    """Score, train, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("specs", 30), ("rounds", 15), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--data", type=Path, help="an .npz file, by default the digits")
    parser.add_argument("--set", nargs="+", default=[], metavar="OVERRIDE", help="as of flwr-nas search")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    own = [] if asked.data is None else ["dataset=local", f"dataset.path={asked.data}", "dataset.partition=natural"]
    federation = Federation(compose_config(["training=adam", *own, *asked.set, f"seed={asked.seed}"]))
    if federation.task.head.primary[1] != "max":
        parser.error("the primary metric must be one of which more is better")
    specs, console, began = federation.specs(asked.specs), Console(), time.monotonic()
    found = federation.scored(specs)
    scoring, began = time.monotonic() - began, time.monotonic()
    trained = [
        federation.trained(spec, asked.rounds) for spec in track(specs, "training", console=Console(stderr=True))
    ]
    data = asked.data.stem if asked.data else federation.config.dataset.name
    metric = federation.task.head.primary[0].replace("_", " ")
    console.print(
        table(
            found,
            trained,
            f"{data}, seed {asked.seed}: {len(specs)} specs, {len(federation.nodes)} nodes, {asked.rounds} rounds",
        )
    )
    console.print(
        f"Validation {metric} {min(trained):.3f} to {max(trained):.3f}, median {np.median(trained):.3f}. "
        f"Scoring took {scoring:.1f} s for all nodes, training {time.monotonic() - began:.0f} s.",
        highlight=False,
    )


if __name__ == "__main__":
    main()
