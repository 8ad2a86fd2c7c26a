"""Which controller finds the better front of accuracy and MACs, on a table of evaluated architectures.

    python tests/benchmarks/fronts.py FILE [controller=nsga2,optuna ...] [--budget 200] [--seeds 20]

FILE is a table as of ``flwr-nas benchmark``, with ``flops``; overrides are those of that command. By default they are
nsga2, random search, and of Optuna NSGA-II and TPE. Each evaluation is one of the trainings that the table tells of, as
noisy as it was. Then the networks of the front, as the observed scores have it, are worth their mean accuracy over all
trainings: the hypervolume of that is told as a part of that of the table's own front. It is measured from an accuracy
of 80 % and 110 million MACs, more than any network of NAS-Bench-Macro has; ``--accuracy`` and ``--macs`` give another
point. All contenders have the same seeds; the difference to the first is over pairs, with its 95 % interval. Figures
only; nothing is asserted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rich.console import Console
from rich.table import Table

from common.seeding import generator
from server_app.benchmark.runs import seeds_of
from server_app.benchmark.settings import Contender, contenders_of
from server_app.front import hypervolume
from server_app.interval import paired
from server_app.objectives.base import Objective
from server_app.registry import load_choice
from server_app.scores import Score
from server_app.spaces.recipes import RecipeSpace
from server_app.spaces.table import parse_table
from server_app.spaces.tabular import TabularSpace
from server_app.spaces.trial_space import TrialSpace
from server_app.trials import Recipe, Trial, TrialState, front_of

TERMS = (Objective("accuracy", "max"), Objective("macs", "min"))
DEFAULT = (
    ["controller=nsga2,random"],
    ["controller=optuna", "controller.sampler=NSGAIISampler,TPESampler"],
)


def search(space: TabularSpace, contender: Contender, seed: int, budget: int) -> list[Trial]:
    """Let a contender search, one trial after the other; returns its trials."""
    cls: Any = load_choice("controller", contender.controller)
    controller = cls(TrialSpace(space, RecipeSpace.fixed(Recipe())), seed, budget, contender.controller_options)
    trials = []
    while proposals := controller.propose(1):
        trial = Trial.of(proposals[0])
        curves = space.entry(trial.spec).curves
        drawn = int(generator(seed, "training", trial.number).integers(len(curves)))
        further = (TERMS[1].scaled(float(space.cost(trial.spec).macs)),)
        trial.scores.append(Score(1, 1, curves[drawn][-1], further=further))
        trial.state = TrialState.FINISHED
        controller.observe(trial, final=True)
        trials.append(trial)
    return trials


def worth(space: TabularSpace, specs: Iterable[Any], reference: Mapping[str, float]) -> float:
    """Return the hypervolume of what networks are worth."""
    found = [{"accuracy": space.entry(spec).mean, "macs": float(space.cost(spec).macs)} for spec in specs]
    return hypervolume(TERMS, found, reference)


def contenders(overrides: list[str], space: TabularSpace) -> dict[str, Contender]:
    """Return by name who is compared."""
    groups = [overrides] if overrides else DEFAULT
    return {one.name: one for group in groups for one in contenders_of(group, space.table)}


def main() -> None:
    """Let all search, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--budget", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--accuracy", type=float, default=80.0, help="of the reference point")
    parser.add_argument("--macs", type=float, default=110e6, help="of the reference point")
    arguments = parser.parse_args()
    space = TabularSpace(parse_table(arguments.table.read_text(encoding="utf-8")))
    reference = {"accuracy": arguments.accuracy, "macs": arguments.macs}
    whole = worth(space, space.enumerate(), reference)
    found: dict[str, list[float]] = {}
    for name, contender in contenders(arguments.overrides, space).items():
        seeds = seeds_of(0, arguments.seeds)
        fronts = (front_of(search(space, contender, seed, arguments.budget)) for seed in seeds)
        found[name] = [worth(space, (trial.spec for trial in front), reference) / whole for front in fronts]
    point = f"{arguments.accuracy:g} % and {arguments.macs:,.0f} MACs"
    table = Table(title=f"hypervolume of fronts as a part of the table's, measured from {point}")
    for column in ("", "mean", "deviation", "difference", "95 % interval"):
        table.add_column(column, justify="right" if column else "left")
    first = next(iter(found))
    for name, parts in found.items():
        spread = stdev(parts) if len(parts) > 1 else 0.0
        row = [name, f"{fmean(parts):.4f}", f"{spread:.4f}"]
        if name != first:
            difference = paired(parts, found[first])
            row += [f"{difference.mean:+.4f}", f"{difference.low:+.4f} to {difference.high:+.4f}"]
        table.add_row(*row)
    console = Console(width=120)
    console.print(table)
    console.print(f"{arguments.budget} evaluations, {arguments.seeds} runs each; differences to {first}, in pairs")


if __name__ == "__main__":
    main()
