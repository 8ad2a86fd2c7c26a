"""Which space to search: each of them against the best of a portfolio that gets as much compute.

    python tests/benchmarks/spaces.py [--data FILE [OVERRIDE ...]]... [--only NAME ...] [--quick]
        [--seeds 0 1 2] [--budget G] [--out FOLDER] [--known FILE ...]

The digits come with what is installed, other images and sequences by FILE, as those of suite.py. By its rules: a search
of the layered space with its default options says what a run costs, and then cost the same in MACs x examples, all
training, scores and tests included,

- the layered space with operations and connections that are off by default (equal_cost/spaces.py),
- the cell space, in the form of DARTS,
- the mobile space, half as wide as by default, so that it fits,
- the portfolio: all of it trains for as many rounds as can be paid, and the best by validation is tested.

All have the same seeds, nodes, recipes and limit of 300,000 MACs. Gains are differences of tests with the same seed.
The cell and mobile spaces begin with samples, for they hold nothing of the portfolio. A run that has finished is not
run again: neither are the first search and the portfolio where suite.py had them run, whose --out is the same. Figures
only; nothing is asserted.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import fmean, stdev

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rich.console import Console
from rich.table import Table

from common.tasks import task_from_record
from server_app.run_folder import RESULT
from tests.benchmarks.equal_cost.arms import Reached, as_dear, portfolio
from tests.benchmarks.equal_cost.command import Arms, arguments_of, run_all
from tests.benchmarks.equal_cost.data import EMBEDDED
from tests.benchmarks.equal_cost.gains import Gain, gain, in_figures, in_words
from tests.benchmarks.equal_cost.runner import Runner
from tests.benchmarks.equal_cost.spaces import CELL, MOBILE, layered_with_all

KEPT = "spaces.json"
DATA = {"digits": EMBEDDED["digits"]}
SPACES = {"search": "layered", "layered_all": "layered, all operations", "cell": "cell", "mobile": "mobile"}
"""Arms and what is printed of them; the first is named as in suite.py."""


def arms(runner: Runner, name: str, seed: int) -> Arms:
    """Run the search by default, and then what may cost as much."""
    first = runner.first(name, "search", seed)
    folder = runner.folder(name, "search", seed)
    kind = task_from_record(json.loads((folder / RESULT).read_text(encoding="utf-8"))["task"]).kind
    others = {"layered_all": layered_with_all(kind), "cell": CELL, "mobile": MOBILE}
    return {
        "search": first,
        "portfolio": runner.run(name, "portfolio", seed, portfolio(folder)),
        **{arm: runner.run(name, arm, seed, [*own, *as_dear(folder)]) for arm, own in others.items()},
    }


def show(found: dict[str, list[Arms]], title: str, console: Console) -> dict[str, list[Gain]]:
    """Print the table; return by arm what it gains over the portfolio."""
    table = Table(title=title, caption="mean over seeds (standard deviation); G: 1e9 MACs x examples, of a whole run")
    table.add_column("data")
    table.add_column("space")
    for column in ("test", "gain over portfolio", "MACs", "G", "s"):
        table.add_column(column, justify="right")
    gains: dict[str, list[Gain]] = {arm: [] for arm in SPACES}
    for name, seeds in found.items():
        best = [each["portfolio"] for each in seeds]
        for arm, label in SPACES.items():
            ours = [each[arm] for each in seeds]
            gains[arm].append(gain(name, ours, best))
            what = f"{name}, {ours[0].metric}" if arm == "search" else ""
            table.add_row(what, label, *_figures(ours, in_figures(gains[arm][-1])))
        table.add_row("", "the portfolio", *_figures(best, ""), end_section=True)
    console.print(table)
    for arm, label in SPACES.items():
        console.print(in_words(gains[arm], label, "the portfolio"))
    return gains


def _figures(of: list[Reached], gained: str) -> list[str]:
    values = [each.value for each in of]
    return [
        f"{fmean(values):.4f}" + (f" ({stdev(values):.4f})" if len(values) > 1 else ""),
        gained,
        f"{fmean(each.macs for each in of):,.0f}",
        f"{fmean(each.cost for each in of) / 1e9:,.1f}",
        f"{fmean(each.seconds for each in of):.0f}",
    ]


def main() -> None:
    """Run, and print."""
    arguments, console = arguments_of(__doc__.splitlines()[0], DATA, KEPT), Console(width=120)
    found = run_all(arguments, DATA, arms, console, KEPT)
    if found:
        show(found, f"Equal cost, seeds {' '.join(map(str, arguments.seeds))}", console)


if __name__ == "__main__":
    main()
