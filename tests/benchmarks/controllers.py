"""Which controller should be the default: on data that are generated, so that nothing real chooses it.

    python tests/benchmarks/controllers.py [--only NAME ...] [--seeds 0 1 2] [--budget G]
        [--out FOLDER] [--known FILE ...]

A search by evolution with the default options says what a run costs; a search by each other controller then costs the
same in MACs x examples, its final training included, by the rules of suite.py. What each found is tested on 2,000
examples (equal_cost/generated.py). A run that has finished is not run again. Figures only; nothing is asserted.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import fmean

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rich.console import Console
from rich.table import Table

from tests.benchmarks.equal_cost.arms import as_dear
from tests.benchmarks.equal_cost.command import Arms, arguments_of, run_all
from tests.benchmarks.equal_cost.data import INVENTED
from tests.benchmarks.equal_cost.gains import gain, in_figures, in_words
from tests.benchmarks.equal_cost.runner import Runner

KEPT = "controllers.json"
FIRST = "evolution"
CONTROLLERS = (FIRST, "predictor", "random")


def arms(runner: Runner, name: str, seed: int) -> Arms:
    """Run evolution, and then what may cost as much."""
    found = {FIRST: runner.first(name, FIRST, seed, [f"controller={FIRST}"])}
    limits = as_dear(runner.folder(name, FIRST, seed))
    for controller in CONTROLLERS[1:]:
        found[controller] = runner.run(name, controller, seed, [f"controller={controller}", *limits])
    return found


def show(found: dict[str, list[Arms]], console: Console) -> None:
    """Print a row for each data set and controller, and what each gains over evolution."""
    table = Table(title="Equal cost", caption="mean over seeds (standard deviation); G: 1e9 MACs x examples of a run")
    for column in ("data", "controller", "test", f"gain over {FIRST}", "MACs", "G"):
        table.add_column(column, justify="left" if column in ("data", "controller") else "right")
    gains = {
        controller: {
            name: gain(name, [each[controller] for each in seeds], [each[FIRST] for each in seeds])
            for name, seeds in found.items()
        }
        for controller in CONTROLLERS[1:]
    }
    for name, seeds in found.items():
        for controller in CONTROLLERS:
            of = [each[controller] for each in seeds]
            table.add_row(
                f"{name}, {of[0].metric}" if controller == FIRST else "",
                controller,
                f"{fmean(one.value for one in of):.4f}",
                "" if controller == FIRST else in_figures(gains[controller][name]),
                f"{fmean(one.macs for one in of):,.0f}",
                f"{fmean(one.cost for one in of) / 1e9:,.1f}",
            )
    console.print(table)
    for controller, by_data in gains.items():
        console.print(in_words(list(by_data.values()), controller, FIRST))


def main() -> None:
    """Run, and print."""
    arguments, console = arguments_of(__doc__.splitlines()[0], INVENTED, KEPT), Console(width=120)
    found = run_all(arguments, INVENTED, arms, console, KEPT)
    if found:
        show(found, console)


if __name__ == "__main__":
    main()
