"""Whether a search pays: against the best of a portfolio that gets as much compute, and against a random search.

    python tests/benchmarks/suite.py [--data FILE [OVERRIDE ...]]... [--only NAME ...] [--quick]
        [--seeds 0 1 2] [--budget G] [--out FOLDER] [--known FILE ...]

Four data sets come with what is installed. A FILE adds one: uci_har.npz, mnist_writers.npz and fashion_mnist.npz are
known by their names and partitioned as the README says; any other is taken as it is, with the overrides that say who
holds what, such as dataset.partition=natural federation.nodes=20.

On each data set, and with each seed, three arms cost the same in MACs x examples, all training, scores and tests
included (equal_cost/arms.py). A search whose winner is an entry of the portfolio gains nothing over it, but may lose:
the portfolio trains for as many rounds as can be paid. Networks of at most 300,000 MACs are searched, and a run may
cost 1,500 G (1e9 MACs x examples; --budget), or a CPU would take days; the portfolio keeps that limit too.

A run that has finished is not run again: the same command goes on with a suite that was interrupted, and prints its
tables again. Figures only; nothing is asserted.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import fmean

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rich.console import Console
from rich.table import Table

from tests.benchmarks.equal_cost.arms import ARMS, portfolio, random_search
from tests.benchmarks.equal_cost.command import Arms, arguments_of, run_all
from tests.benchmarks.equal_cost.data import EMBEDDED
from tests.benchmarks.equal_cost.gains import Gain, gain, in_figures, in_words
from tests.benchmarks.equal_cost.runner import Runner

KEPT = "suite.json"
OTHERS = ARMS[1:]


def arms(runner: Runner, name: str, seed: int) -> Arms:
    """Run the search, and then what may cost as much."""
    search, folder = runner.first(name, "search", seed), runner.folder(name, "search", seed)
    return {
        "search": search,
        "portfolio": runner.run(name, "portfolio", seed, portfolio(folder)),
        "random": runner.run(name, "random", seed, random_search(folder)),
    }


def show(found: dict[str, list[Arms]], title: str, console: Console) -> dict[str, list[Gain]]:
    """Print the table; return by arm what the search gains over it."""
    table = Table(title=title, caption="mean over seeds (standard deviation); G: 1e9 MACs x examples, of a whole run")
    for column in ("data", "metric", *ARMS):
        table.add_column(column, justify="left" if column in ("data", "metric") else "right")
    for column in ("MACs", *(f"gain over {arm}" for arm in OTHERS), "G", "s"):
        table.add_column(column, justify="right")
    gains: dict[str, list[Gain]] = {arm: [] for arm in OTHERS}
    for name, seeds in found.items():
        by_arm = {arm: [each[arm] for each in seeds] for arm in ARMS}
        for arm in OTHERS:
            gains[arm].append(gain(name, by_arm["search"], by_arm[arm]))
        table.add_row(
            name,
            by_arm["search"][0].metric,
            *(f"{fmean(each.value for each in by_arm[arm]):.4f}" for arm in ARMS),
            " / ".join(f"{fmean(each.macs for each in by_arm[arm]) / 1e3:,.0f} k" for arm in ARMS),
            *(in_figures(gains[arm][-1]) for arm in OTHERS),
            " / ".join(f"{fmean(each.cost for each in by_arm[arm]) / 1e9:,.1f}" for arm in ARMS),
            " / ".join(f"{fmean(each.seconds for each in by_arm[arm]):.0f}" for arm in ARMS),
        )
    console.print(table)
    for arm, of_arm in gains.items():
        console.print(in_words(of_arm, "the search", arm))
    return gains


def main() -> None:
    """Run, and print."""
    arguments, console = arguments_of(__doc__.splitlines()[0], EMBEDDED, KEPT), Console(width=150)
    found = run_all(arguments, EMBEDDED, arms, console, KEPT)
    if found:
        show(found, f"Equal cost, seeds {' '.join(map(str, arguments.seeds))}", console)


if __name__ == "__main__":
    main()
