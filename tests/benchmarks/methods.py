"""Which way of sharing weights pays: what each finds for the same cost, trained alone and tested.

    python tests/benchmarks/methods.py --data FILE [OVERRIDE ...] [--data ...] [--only NAME ...] [--seeds 0 1 2]
        [--out FOLDER] [--known FILE ...] [--quick]

On the digits, which come with what is installed, and on files as those of suite.py, in the mobile space, with samples
to begin with and one recipe. What an evolution costs by default, of its search alone, is one; each way then has a
quarter, half, once and twice of that for its search, the warm-up of a supernet included:

    random             random search, each trial from scratch
    evolution          evolution, each trial from scratch
    inherit            evolution, each trial from its parent's weights
    supernet_random    a supernet, and random trials that are scored with it
    supernet           a supernet, and evolution by such scores

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
BUDGETS = {"quarter": 0.25, "half": 0.5, "once": 1.0, "twice": 2.0}
SHARED = ("weights=supernet", "fidelity=one_shot")
METHODS: dict[str, tuple[str, ...]] = {
    "random": ("controller=random",),
    "evolution": ("controller=evolution",),
    "inherit": ("controller=evolution", "weights=inherit"),
    "supernet_random": ("controller=random", *SHARED),
    "supernet": ("controller=evolution", *SHARED),
}
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
    first = runner.run(name, "evolution-once", seed, [*COMMON, *METHODS["evolution"]])
    search, final, rounds = _costs(runner.folder(name, "evolution-once", seed))
    found = {"evolution-once": first}
    for budget, part in BUDGETS.items():
        for method, own in METHODS.items():
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
        for budget, part in BUDGETS.items():
            table.add_column(f"{budget}, {part:g}", justify="right")
        for method in METHODS:
            table.add_row(method, *(_figure([each[f"{method}-{budget}"] for each in seeds]) for budget in BUDGETS))
        console.print(table)


def _figure(of: list[Reached]) -> str:
    values = [each.value for each in of]
    return f"{fmean(values):.4f}" + (f" ({stdev(values):.4f})" if len(values) > 1 else "")


def main() -> None:
    """Run, and print."""
    arguments, console = arguments_of(__doc__.splitlines()[0], DATA, KEPT), Console(width=120)
    show(run_all(arguments, DATA, arms, console, KEPT), console)


if __name__ == "__main__":
    main()
