"""How many trials a search should have by default: on data that are generated, so that nothing real chooses it.

    python tests/benchmarks/trials.py [--seeds 0 1 2] [--only NAME ...] [--out FOLDER] [--known FILE ...] [OVERRIDE ...]

Searches with the default options but for their trials, and beside each the portfolio with as much compute, by the rules
of suite.py. What each found is tested on 2,000 examples (equal_cost/generated.py). A run that has finished is not run
again. Figures only; nothing is asserted.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import fmean

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rich.console import Console
from rich.table import Table

from tests.benchmarks.equal_cost.arms import portfolio
from tests.benchmarks.equal_cost.command import Arms, arguments_of, run_all
from tests.benchmarks.equal_cost.data import INVENTED
from tests.benchmarks.equal_cost.gains import Gain, gain, in_figures, in_words
from tests.benchmarks.equal_cost.runner import Runner

KEPT = "trials.json"
TRIALS = (27, 54, 108)


def search_of(trials: int) -> str:
    """Return the name of the arm of a search with so many trials."""
    return f"search-{trials}"


def portfolio_of(trials: int) -> str:
    """Return the name of the portfolio's arm at its cost."""
    return f"portfolio-{trials}"


def arms(runner: Runner, name: str, seed: int) -> Arms:
    """Run each search, and the portfolio at its cost."""
    found: Arms = {}
    for trials in TRIALS:
        search = search_of(trials)
        found[search] = runner.first(name, search, seed, [f"search.trials={trials}"])
        found[portfolio_of(trials)] = runner.run(
            name, portfolio_of(trials), seed, portfolio(runner.folder(name, search, seed))
        )
    return found


def show(found: dict[str, list[Arms]], console: Console) -> None:
    """Print a row for each data set and number of trials, and what the searches gain over the portfolio."""
    table = Table(title="Equal cost", caption="mean over seeds (standard deviation); G: 1e9 MACs x examples of a run")
    for column in ("data", "trials", "search", "portfolio", "gain", "MACs", "G", "s"):
        table.add_column(column, justify="left" if column == "data" else "right")
    gains: dict[int, list[Gain]] = {trials: [] for trials in TRIALS}
    for name, seeds in found.items():
        for trials in TRIALS:
            of, beside = ([each[arm(trials)] for each in seeds] for arm in (search_of, portfolio_of))
            gains[trials].append(gain(name, of, beside))
            table.add_row(
                f"{name}, {of[0].metric}" if trials == TRIALS[0] else "",
                str(trials),
                *(f"{fmean(one.value for one in each):.4f}" for each in (of, beside)),
                in_figures(gains[trials][-1]),
                f"{fmean(one.macs for one in of):,.0f}",
                f"{fmean(one.cost for one in of) / 1e9:,.1f}",
                f"{fmean(one.seconds for one in of):,.0f}",
            )
    console.print(table)
    for trials, each in gains.items():
        console.print(in_words(each, search_of(trials), portfolio_of(trials)))


def main() -> None:
    """Run, and print."""
    arguments, console = arguments_of(__doc__.splitlines()[0], INVENTED, KEPT, budget=0), Console(width=120)
    found = run_all(arguments, INVENTED, arms, console, KEPT)
    if found:
        show(found, console)


if __name__ == "__main__":
    main()
