"""Which search finds the better front of accuracy and MACs in a federation, each at the same cost.

    python tests/benchmarks/search_fronts.py [--data FILE [OVERRIDE ...]]... [--only NAME ...] [--seeds 0 1 2]
        [--out FOLDER] [--known FILE ...] [--quick]

On the data sets of suite.py that are small, and by its rules. NSGA-II with its default options says what a run costs.
Then a random search costs the same in MACs x examples, and the portfolio trains for the top rung's rounds and is a
front of its own, which costs less. All of each front, as the scores of the search have it, trains to the end and is
tested. Told is the hypervolume of these tests: of one network the part of the limit on MACs that it leaves, times by
how much it is better than the answer that is best without looking at the input. Figures only; nothing is asserted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rich.console import Console
from rich.table import Table

from server_app.front import hypervolume
from server_app.objectives.base import Objective
from server_app.run_folder import RESULT
from tests.benchmarks.equal_cost.arms import Reached, entries_of, random_search
from tests.benchmarks.equal_cost.command import Arms, arguments_of, run_all
from tests.benchmarks.equal_cost.data import EMBEDDED
from tests.benchmarks.equal_cost.gains import gain, in_figures, in_words
from tests.benchmarks.equal_cost.runner import MACS, Runner

KEPT = "search_fronts.json"
FIRST, OTHERS = "nsga2", ("random", "portfolio")
COMMON = ("objective=pareto", "final.front=all", "final.seeds=1")


def arms(runner: Runner, name: str, seed: int) -> Arms:
    """Run NSGA-II, and then the others."""
    found = {FIRST: runner.first(name, FIRST, seed, [*COMMON, f"controller={FIRST}"])}
    folder = runner.folder(name, FIRST, seed)
    rounds = json.loads((folder / RESULT).read_text(encoding="utf-8"))["final_rounds"]
    own = {
        "random": random_search(folder),
        "portfolio": ["fidelity=full", f"search.trials={len(entries_of(folder))}", f"final.rounds={rounds}"],
    }
    for arm in OTHERS:
        found[arm] = runner.run(name, arm, seed, [*COMMON, *own[arm]])
    return {arm: _by_volume(one, runner.folder(name, arm, seed)) for arm, one in found.items()}


def volume(result: Mapping[str, Any], metric: str) -> float:
    """Return the hypervolume of the members of a front that were tested.

    Parameters
    ----------
    result : mapping
        As result.json has it.
    metric : str
        What counts of a test; more is better.
    """
    terms = (Objective(metric, "max"), Objective("macs", "min"))
    tested = [one for one in result["front"] if metric in one["test"]]
    values = [{metric: one["test"][metric], "macs": one["macs"] / MACS} for one in tested]
    return hypervolume(terms, values, {metric: result["constant"]["test"][metric], "macs": 1.0})


def _by_volume(found: Reached, folder: Path) -> Reached:
    result = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    return replace(found, metric=f"volume, {found.metric}", value=volume(result, found.metric))


def show(found: dict[str, list[Arms]], console: Console) -> None:
    """Print the table, and what NSGA-II gains over the others."""
    table = Table(title="Fronts at equal cost", caption="mean over seeds (standard deviation); G: 1e9 MACs x examples")
    for column in ("data", "hypervolume of", FIRST, *OTHERS, *(f"over {arm}" for arm in OTHERS), "G"):
        table.add_column(column, justify="left" if column in ("data", "hypervolume of") else "right")
    gains: dict[str, list[Any]] = {arm: [] for arm in OTHERS}
    for name, seeds in found.items():
        by_arm = {arm: [each[arm] for each in seeds] for arm in (FIRST, *OTHERS)}
        for arm in OTHERS:
            gains[arm].append(gain(name, _of_searches(by_arm[FIRST]), by_arm[arm]))
        table.add_row(
            name,
            by_arm[FIRST][0].metric,
            *(f"{fmean(one.value for one in of):.4f}" for of in by_arm.values()),
            *(in_figures(gains[arm][-1]) for arm in OTHERS),
            " / ".join(f"{fmean(one.cost for one in of) / 1e9:,.1f}" for of in by_arm.values()),
        )
    console.print(table)
    for arm in OTHERS:
        console.print(in_words(gains[arm], FIRST, arm))


def _of_searches(found: list[Reached]) -> list[Reached]:
    """Return fronts as what was searched for: that the knee is of the portfolio says nothing of the others."""
    return [replace(one, from_portfolio=False) for one in found]


def main() -> None:
    """Run, and print."""
    arguments, console = arguments_of(__doc__.splitlines()[0], EMBEDDED, KEPT), Console(width=140)
    found = run_all(arguments, EMBEDDED, arms, console, KEPT)
    if found:
        show(found, console)


if __name__ == "__main__":
    main()
