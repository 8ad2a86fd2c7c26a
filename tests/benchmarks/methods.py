"""Which way of searching pays: what each finds for the same cost, trained alone and tested.

    python tests/benchmarks/methods.py --data FILE [OVERRIDE ...] [--data ...] [--only NAME ...] [--seeds 0 1 2]
        [--out FOLDER] [--known FILE ...] [--quick]

On the digits, which come with what is installed, and on files as those of suite.py, in the mobile space, with samples
to begin with and one recipe. What an evolution costs by default, of its search alone, is one. With so much for its
search each of these runs:

    random, evolution, predictor, progressive, reinforce, optuna    controllers, each trial from scratch
    full, hyperband, asha, median_stop, proxy                       evolution, with another fidelity than
                                                                    successive halving, or with a proxy rung below it
    inherit            evolution, each trial from its parent's weights
    supernet_random    a supernet, its warm-up included, and random trials that are scored with it
    supernet           a supernet, and evolution by such scores

Random search, evolution, and the ways of sharing weights also run with a quarter, half and twice of that.
Whatever finds a network, it is trained from scratch with the same recipe for the same rounds, and tested: scores on
shared weights tell nothing else. Beside what such a training costs, every budget is in MACs x examples. Before each run
stands how long it may take. A run that has finished is not run again. Figures only; nothing is asserted.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import fmean, stdev

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rich.console import Console
from rich.table import Table

from common.groups import UNBOUNDED
from server_app.run_folder import RESULT
from tests.benchmarks.equal_cost.arms import Reached
from tests.benchmarks.equal_cost.command import Arms, arguments_of, run_all
from tests.benchmarks.equal_cost.data import EMBEDDED
from tests.benchmarks.equal_cost.runner import Runner
from tests.benchmarks.equal_cost.spaces import MOBILE

KEPT = "methods.json"
DATA = {"digits": EMBEDDED["digits"]}
BUDGETS = {"once": 1.0, "quarter": 0.25, "half": 0.5, "twice": 2.0}
"""In the order in which they run."""
SHARED = ("weights=supernet", "fidelity=one_shot")
METHODS: dict[str, tuple[str, ...]] = {
    "random": ("controller=random",),
    "evolution": ("controller=evolution",),
    "inherit": ("controller=evolution", "weights=inherit"),
    "supernet_random": ("controller=random", *SHARED),
    "supernet": ("controller=evolution", *SHARED),
}
"""With every budget."""
CONTROLLERS = ("predictor", "progressive", "reinforce", "optuna")
FIDELITIES = ("full", "hyperband", "asha", "median_stop")
ONCE: dict[str, tuple[str, ...]] = {
    **{name: (f"controller={name}",) for name in CONTROLLERS},
    **{name: ("controller=evolution", f"fidelity={name}") for name in FIDELITIES},
    "proxy": ("controller=evolution", "fidelity.proxy.score=naswot"),
}
"""With one budget."""
COMMON = (
    *MOBILE,
    "training=adam",
    "search.start=[]",
    "final.finalists=1",
    "final.seeds=1",
    "final.baseline={version: 1, kind: layered, layers: []}",
)
"""The baseline is a linear model, so that the final training costs little beside what was found."""
WARM_UP = 1000
"""Rounds that a warm-up may have; its part of the budget ends it."""


def arms(runner: Runner, name: str, seed: int) -> Arms:
    """Run an evolution by default, and then each way with each budget."""
    first = runner.first(name, "evolution-once", seed, [*COMMON, *METHODS["evolution"]])
    search, final, rounds = _costs(runner.folder(name, "evolution-once", seed))
    found = {"evolution-once": first}
    for budget, part in BUDGETS.items():
        for method, own in ({**METHODS, **ONCE} if budget == "once" else METHODS).items():
            arm = f"{method}-{budget}"
            if arm in found:
                continue
            shared = [f"weights.rounds={WARM_UP}"] if "weights=supernet" in own else []
            limits = [f"search.trials={UNBOUNDED}", f"search.budget.mac_examples={part * search + final:.0f}"]
            found[arm] = runner.run(name, arm, seed, [*COMMON, *own, *shared, *limits, f"final.rounds={rounds}"])
    return found


def _costs(folder: Path) -> tuple[float, float, int]:
    """Return what the search of a run cost, what its final training did, and how many rounds that had."""
    result = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    costs = result["mac_examples"]
    return float(costs["search"]), float(costs["final"]), int(result["final_rounds"])


def show(found: dict[str, list[Arms]], console: Console) -> None:
    """Print a table for each data set: a row for each way, a column for each budget."""
    for name, seeds in found.items():
        metric = seeds[0]["evolution-once"].metric
        table = Table(title=f"{name}: {metric} of what was found, trained alone", caption="mean (deviation) over seeds")
        table.add_column("way")
        budgets = sorted(BUDGETS, key=BUDGETS.__getitem__)
        for budget in budgets:
            table.add_column(f"{budget}, {BUDGETS[budget]:g}", justify="right")
        for method in (*METHODS, *ONCE):
            arms_of = [f"{method}-{budget}" for budget in budgets]
            table.add_row(method, *(_figure([each[arm] for each in seeds if arm in each]) for arm in arms_of))
        console.print(table)


def _figure(of: list[Reached]) -> str:
    values = [each.value for each in of]
    if not values:
        return ""
    return f"{fmean(values):.4f}" + (f" ({stdev(values):.4f})" if len(values) > 1 else "")


def main() -> None:
    """Run, and print."""
    arguments, console = arguments_of(__doc__.splitlines()[0], DATA, KEPT), Console(width=120)
    show(run_all(arguments, DATA, arms, console, KEPT), console)


if __name__ == "__main__":
    main()
