"""What fine-tuning gives each node, by its length and its learning rate, on the digits in uneven parts.

    python tests/benchmarks/personal.py [--seeds 3] [--alphas 0.1 0.5] [--nodes 10] [--rounds 30]
        [--epochs 1 5 10 20] [--rates 0.03 0.1 0.3 1]

The first network of the portfolio trains by federated averaging, by its own recipe, on nodes that have the digits in
shares that each class draws from a Dirichlet distribution. Then each node does what client_app/personal.py does.
Printed is the mean over nodes, weighted by their test examples, of the accuracy on each node's own test split: of the
common model, of local training alone, and by epochs and rate of the personal model and of the better of it and the
common one by validation. Figures only; nothing is asserted.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import fmean

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from client_app.jobs import do_jobs
from client_app.node import Node
from common.architecture.initial import initial_weights
from common.config import compose_config
from common.data import Holder, load_node_data
from common.jobs import Job, Order, Work
from common.personal import Verdict
from common.preprocessing.scaling import Scaling
from common.seeding import generator
from common.settings import DatasetSettings, PersonalSettings
from common.tasks import Task
from server_app.build import build_space
from server_app.final_rounds import checkpoints
from server_app.portfolio import portfolio_of
from server_app.spaces.recipes import RecipeSpace


def begun(seed: int, alpha: float, number: int) -> tuple[Order, list[Node], Job]:
    """Return an order without jobs, the nodes, and the job of training the first network of the portfolio."""
    dataset, nodes = DatasetSettings("digits", partition="dirichlet", alpha=alpha), []
    for part in range(number):
        nodes.append(Node(f"partition-{part}", Holder(part, number), simulated=True))
    data = [load_node_data(dataset, node.holder, seed) for node in nodes]
    scaling = Scaling.of(np.concatenate([each.train.x for each in data]))
    task = Task(data[0].task.input_shape, data[0].task.head, scaling)
    config = compose_config()
    entries = portfolio_of(task, build_space(config, task), RecipeSpace.of(config.training, task)).entries.values()
    spec, recipe = next(iter(entries))
    weights = initial_weights(spec.lower(task), generator(seed, "initial"))
    job = Job("job", "final-0000", spec, {"weights": weights}, Work("train", "train", 1, recipe))
    return Order(seed, 1e9, task, dataset, ()), nodes, job


def trained(order: Order, nodes: list[Node], job: Job, rounds: int) -> Job:
    """Return the job with the weights that so many rounds of federated averaging come to."""
    for number in range(1, rounds + 1):
        work = replace(job.work, round=number, rounds=rounds)
        done = [do_jobs(replace(order, jobs=(replace(job, work=work),)), node)[0] for node in nodes]
        weights = np.average([one.arrays["weights"] for one in done], 0, [one.num_examples for one in done])
        job = replace(job, arrays={"weights": weights.astype(np.float32)})
    return job


def found(order: Order, nodes: list[Node], job: Job, rounds: int, settings: PersonalSettings) -> list[Verdict]:
    """Return what each node finds."""
    work = Work("personal", "train", rounds, job.work.training, rounds, personal=settings)
    done = [do_jobs(replace(order, jobs=(replace(job, work=work),)), node)[0] for node in nodes]
    return [Verdict.from_metrics(one.metrics, order.task.head) for one in done]


def alone(order: Order, nodes: list[Node], job: Job, rounds: int) -> float:
    """Return the mean accuracy on test of local training, fine-tuned for an epoch."""
    settings = PersonalSettings("all", 1, job.work.training.learning_rate / 10, checkpoints(rounds, 4))
    return accuracy(found(order, nodes, job, rounds, settings), "local")


def accuracy(verdicts: list[Verdict], way: str) -> float:
    """Return the mean accuracy on test of a way, or of what is kept."""
    pairs = [(one.test[one.kept if way == "kept" else way]["accuracy"], one.num_test) for one in verdicts]
    return sum(value * size for value, size in pairs) / sum(size for _, size in pairs)


def main() -> None:
    """Train, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--alphas", type=float, nargs="+", default=[0.1, 0.5])
    parser.add_argument("--nodes", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--epochs", type=int, nargs="+", default=[1, 5, 10, 20])
    parser.add_argument("--rates", type=float, nargs="+", default=[0.03, 0.1, 0.3, 1.0])
    parser.add_argument("--methods", nargs="+", default=["head", "all", "mix"])
    asked = parser.parse_args()
    torch.set_num_threads(1)
    console = Console(width=110)
    for alpha in asked.alphas:
        runs = []
        for seed in range(asked.seeds):
            order, nodes, job = begun(seed, alpha, asked.nodes)
            runs.append((order, nodes, trained(order, nodes, job, asked.rounds)))
        local = fmean(alone(*run, asked.rounds) for run in runs)
        table = Table(title=f"alpha {alpha:g}, {asked.rounds} rounds, {asked.seeds} seeds; local alone {local:.4f}")
        for title in ("method", "epochs", "rate", "common", "personal", "the better one"):
            table.add_column(title, justify="right")
        for method, epochs, rate in product(asked.methods, asked.epochs, asked.rates):
            means = []
            for order, nodes, job in runs:
                own = PersonalSettings(method, epochs, rate * job.work.training.learning_rate)
                verdicts = found(
                    replace(order, budget=0.0), nodes, job, asked.rounds, own
                )  # no time for local training
                means.append([accuracy(verdicts, way) for way in ("common", "personal", "kept")])
            columns = (f"{fmean(column):.4f}" for column in zip(*means, strict=True))
            table.add_row(method, str(epochs), f"{rate:g}", *columns)
        console.print(table)


if __name__ == "__main__":
    main()
