"""How many optimizer steps a first rung takes until its ranking is that of the full budget.

    python tests/benchmarks/first_rung.py [--seeds 2] [--trials 12] [--rounds 60]

Images are generated: each class is a smooth random pattern, shifted at random, under noise. Trials of the default space
and recipes, the portfolio among them, train by federated averaging on a few nodes and are scored after each round, as
in a search. Printed is, after so many steps of a node, Kendall's tau between the scores then and those at the end, how
often the best third then has the best of the end, and how much accuracy that third lacks at the end. Figures only;
nothing is asserted.
"""

from __future__ import annotations

import argparse
import math
import sys
from itertools import combinations
from pathlib import Path
from statistics import fmean

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from client_app.training import train
from common.architecture.initial import initial_weights
from common.config import compose_config
from common.data.base import Examples
from common.models.builder import build, flat_state
from common.models.evaluation import evaluate
from common.preprocessing.scaling import Scaling
from common.seeding import child_seed, generator
from common.tasks import Classification, Task
from server_app.build import build_space
from server_app.portfolio import portfolio_of
from server_app.spaces.recipes import RecipeSpace
from server_app.spaces.trial_space import TrialSpace
from server_app.trials import Identity
from tests.benchmarks.equal_cost.generated import shifted, smooth

CLASSES, SIDE, SHIFT, NOISE = 8, 12, 2, 1.5
NODES, EXAMPLES, BATCH, SCORED = 4, 160, 32, 800
STEPS_A_ROUND = EXAMPLES // BATCH
SHOWN = (5, 10, 20, 30, 50, 75, 100, 150, 200)
MOST_MACS = 300_000
"""Of a trial; larger ones take minutes."""

Scores = NDArray[np.float64]


def draw(count: int, seed: int, name: str, alpha: float = math.inf) -> Examples:
    """Draw images: float32, shape ``(count, 1, SIDE, SIDE)``; shares of classes are even, or by Dirichlet's `alpha`."""
    patterns = smooth(generator(seed, "patterns").normal(size=(CLASSES, SIDE, SIDE)))
    rng = generator(seed, "images", name)
    y = rng.integers(0, CLASSES, count)
    if math.isfinite(alpha):
        y = rng.choice(CLASSES, count, p=rng.dirichlet([alpha] * CLASSES))
    x = shifted(patterns[y], SHIFT, rng)
    return Examples((x + rng.normal(0, NOISE, x.shape)).astype(np.float32)[:, None], y)


def space_of(task: Task) -> TrialSpace:
    """Return the default space, with recipes of one local epoch."""
    config = compose_config([f"training.batch_size={BATCH}", "training.epochs=1"])
    return TrialSpace(build_space(config, task), RecipeSpace.of(config.training, task))


def trials_of(count: int, task: Task, seed: int) -> list[Identity]:
    """Return the portfolio and what the default space holds besides, as far as they are small."""
    trials = space_of(task)
    space, rng = trials.space, generator(seed, "trials")
    found = list(portfolio_of(task, space, trials.recipes).entries.values())
    while len(found) < count:
        found.append(trials.sample(rng))
        if space.cost(found[-1][0]).macs > MOST_MACS:
            found.pop()
    return found[:count]


def curve(identity: Identity, task: Task, nodes: list[Examples], scored: Examples, rounds: int, seed: int) -> Scores:
    """Return the accuracy after each round of federated averaging, shape ``(rounds,)``."""
    (spec, recipe), scores = identity, np.zeros(rounds)
    graph = spec.lower(task)
    weights = initial_weights(graph, generator(seed, "weights", spec.id))
    for number in range(rounds):
        trained = []
        for place, node in enumerate(nodes):
            model = build(graph, weights)
            train(model, node, task.head, recipe.in_round(number + 1, rounds), child_seed(seed, spec.id, number, place))
            trained.append(flat_state(model).detach().numpy().copy())
        weights = np.stack(trained).mean(axis=0)
        scores[number] = evaluate(build(graph, weights), scored, task.head)["accuracy"]
    return scores


def kendall(one: Scores, other: Scores) -> float:
    """Return tau-b (M. G. Kendall, Biometrika 33, 1945) of two rankings, of which equal places are told."""
    pairs = [(np.sign(one[i] - one[j]), np.sign(other[i] - other[j])) for i, j in combinations(range(len(one)), 2)]
    untied = [sum(1 for pair in pairs if pair[side]) for side in (0, 1)]
    return float(sum(a * b for a, b in pairs) / math.sqrt(untied[0] * untied[1])) if all(untied) else 0.0


def measured(curves: list[Scores], steps: int) -> tuple[float, float, float]:
    """Return tau, whether the best third has the best of the end, and what is lost to that, of trials of one seed."""
    then, end = (np.array([scores[at] for scores in curves]) for at in (steps // STEPS_A_ROUND - 1, -1))
    third = np.argsort(-then, kind="stable")[: len(curves) // 3]
    return kendall(then, end), float(end.argmax() in third), float(end.max() - end[third].max())


def main() -> None:
    """Train, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("seeds", 2), ("trials", 12), ("rounds", 60)):
        parser.add_argument(f"--{name}", type=int, default=value)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    runs = []
    for seed in range(asked.seeds):
        nodes = [draw(EXAMPLES, seed, f"node-{node}") for node in range(NODES)]
        scaling = Scaling.of(np.concatenate([node.x for node in nodes]))
        task = Task((1, SIDE, SIDE), Classification(CLASSES), scaling)
        scored = draw(SCORED, seed, "scored")
        trials = trials_of(asked.trials, task, seed)
        runs.append([curve(identity, task, nodes, scored, asked.rounds, seed) for identity in trials])
    table = Table(title=f"{asked.trials} trials x {asked.seeds} seeds, {asked.rounds * STEPS_A_ROUND} steps in all")
    for title in ("steps", "Kendall's tau", "best is in the best third", "lost", "mean accuracy"):
        table.add_column(title, justify="right")
    for steps in [steps for steps in SHOWN if steps <= asked.rounds * STEPS_A_ROUND]:
        tau, kept, lost = (fmean(column) for column in zip(*(measured(run, steps) for run in runs), strict=True))
        then = fmean(float(scores[steps // STEPS_A_ROUND - 1]) for run in runs for scores in run)
        table.add_row(str(steps), f"{tau:.2f}", f"{kept:.2f}", f"{lost:.3f}", f"{then:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
