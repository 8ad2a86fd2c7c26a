"""Whether a search by gradients pays: against random search and the best of a portfolio, each at the same cost.

    python tests/benchmarks/darts.py [--data FILE [OVERRIDE ...]]... [--only NAME ...]
        [--seeds 0 1 2] [--budget G] [--out FOLDER] [--known FILE ...]

The digits come with what is installed, other images and sequences by FILE, as those of suite.py. By its rules: a search
of the layered space with its default options says what a run costs, and then cost the same in MACs x examples, both
levels of a bilevel search, all training, scores and tests included,

    darts, darts_free    controller=darts in the cell space, with the early stop on skip connections and without it
    random               random search in the cell space
    portfolio            all of it trains for as many rounds as can be paid

What a bilevel search came to is trained alone, as everything is. Told besides is how often it stopped early, how many
of the operations in what it found are skip connections, and the bytes of a round and node in the first network of all
options and in the last one. A run that has finished is not run again: neither are the first search and the portfolio
where suite.py had them run, whose --out is the same. What --quick leaves pays for no bilevel search. Figures only;
nothing is asserted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rich.console import Console
from rich.table import Table

from common.architecture.kinds.cells import SKIP
from server_app.run_folder import JOURNAL, RESULT
from tests.benchmarks.equal_cost.arms import as_dear, portfolio, random_search
from tests.benchmarks.equal_cost.command import Arms, arguments_of, run_all
from tests.benchmarks.equal_cost.data import EMBEDDED
from tests.benchmarks.equal_cost.gains import gain, in_figures, in_words
from tests.benchmarks.equal_cost.runner import Runner
from tests.benchmarks.equal_cost.spaces import CELL

KEPT = "darts.json"
DATA = {"digits": EMBEDDED["digits"]}
FOUND = {"darts": "darts", "darts_free": "darts, no early stop"}
OTHERS = {"random_cell": "random search", "portfolio": "the portfolio"}


def arms(runner: Runner, name: str, seed: int) -> Arms:
    """Run the search by default, and then what may cost as much."""
    runner.first(name, "search", seed)
    folder = runner.folder(name, "search", seed)
    by_gradients = [*CELL, "controller=darts", "search.start=[]", *as_dear(folder)]
    own = {
        "darts": by_gradients,
        "darts_free": [*by_gradients, "controller.max_skips=null"],
        "random_cell": [*CELL, *random_search(folder)],
        "portfolio": portfolio(folder),
    }
    return {arm: runner.run(name, arm, seed, overrides) for arm, overrides in own.items()}


def skips_of(cells: Mapping[str, Any]) -> float:
    """Return which part of the operations of a cell spec are skip connections.

    Parameters
    ----------
    cells : mapping
        The spec as JSON values.

    Examples
    --------
    >>> skips_of({"normal": [[[0, "skip"], [1, "conv3"]]], "reduction": [[[0, "conv3"], [1, "conv3"]]]})
    0.25
    """
    kinds = [cells[name] for name in ("normal", "reduction") if name in cells]
    operations = [operation for cell in kinds for node in cell for _, operation in node]
    return operations.count(SKIP) / len(operations)


def told(folder: Path) -> tuple[bool, float, float, float]:
    """Return whether a bilevel search stopped early, its skips, and kB a round and node at first and at last."""
    result = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    bilevel = result["bilevel"]
    events = [json.loads(line) for line in (folder / JOURNAL).read_text(encoding="utf-8").splitlines()]
    rounds = [event for event in events if event["event"] == "round" and event["trial"].startswith("mixed-")]
    nodes, levels, before = fmean(event["num_nodes"] for event in rounds), bilevel["levels"], 0
    sent = []
    for level in levels:
        sent.append(level["bytes_down"] / max(1, level["rounds"] - before) / nodes / 1e3)
        before = level["rounds"]
    return bilevel["collapsed"] is not None, skips_of(result["winner"]["spec"]), sent[0], sent[-1]


def show(found: dict[str, list[Arms]], seeds: list[int], out: Path, console: Console) -> None:
    """Print the table, and what bilevel searches gain over the others."""
    table = Table(
        title=f"Equal cost, seeds {' '.join(map(str, seeds))}", caption="mean over seeds (standard deviation)"
    )
    for column in ("data", "", "test", *(f"over {label}" for label in OTHERS.values()), "MACs", "G", "stopped"):
        table.add_column(column, justify="left" if column in ("data", "") else "right")
    for column in ("skips", "kB a round, first", "last"):
        table.add_column(column, justify="right")
    gains = {(arm, other): [] for arm in FOUND for other in OTHERS}  # type: ignore[var-annotated]
    for name, by_seed in found.items():
        for arm, label in {**FOUND, **OTHERS}.items():
            ours = [each[arm] for each in by_seed]
            over = [gain(name, ours, [each[other] for each in by_seed]) for other in OTHERS] if arm in FOUND else []
            for other, one in zip(OTHERS, over, strict=False):
                gains[arm, other].append(one)
            rows = [told(out / name / arm / f"seed-{seed}") for seed in seeds] if arm in FOUND else []
            table.add_row(
                f"{name}, {ours[0].metric}" if arm == "darts" else "",
                label,
                f"{fmean(one.value for one in ours):.4f}",
                *([in_figures(one) for one in over] or ["", ""]),
                f"{fmean(one.macs for one in ours):,.0f}",
                f"{fmean(one.cost for one in ours) / 1e9:,.1f}",
                f"{sum(row[0] for row in rows)} of {len(rows)}" if rows else "",
                *([f"{fmean(row[place] for row in rows):{form}}" for place, form in _FORMS.items()] if rows else []),
            )
    console.print(table)
    for (arm, other), of in gains.items():
        console.print(in_words(of, FOUND[arm], OTHERS[other]))


_FORMS = {1: ".0%", 2: ",.1f", 3: ",.1f"}


def main() -> None:
    """Run, and print."""
    arguments, console = arguments_of(__doc__.splitlines()[0], DATA, KEPT), Console(width=150)
    found = run_all(arguments, DATA, arms, console, KEPT)
    if found:
        show(found, arguments.seeds, arguments.out.absolute(), console)


if __name__ == "__main__":
    main()
