"""Whether a search pays: against the best of a portfolio that gets as much compute, and against a random search.

    python tests/benchmarks/suite.py [--data FILE [OVERRIDE ...]]... [--only NAME ...] [--quick]
        [--seeds 0 1 2] [--out FOLDER]

Four data sets come with what is installed. A FILE adds one: uci_har.npz, mnist_writers.npz and fashion_mnist.npz are
known by their names and partitioned as the README says; any other is taken as it is, with the overrides that say who
holds what, such as dataset.partition=natural federation.nodes=20.

On each data set, and with each seed, three arms cost the same in MACs x examples, all training, scores and tests
included (equal_cost/arms.py). A search whose winner is an entry of the portfolio gains nothing over it, but may lose:
the portfolio trains for as many rounds as can be paid. Networks of at most `MACS` are searched, or a CPU would take
days; the portfolio keeps that limit too.

A run that has finished is not run again: the same command goes on with a suite that was interrupted, and prints its
tables again. Figures only; nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from statistics import fmean

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rich.console import Console
from rich.table import Table

from common.errors import FlwrNasError
from common.files import write_aside
from tests.benchmarks.equal_cost.arms import ARMS, Reached, portfolio, random_search, reached
from tests.benchmarks.equal_cost.data import CASES, EMBEDDED, Case, case_of
from tests.benchmarks.equal_cost.gains import Gain, gain, overall
from tests.benchmarks.equal_cost.runs import run_once
from tests.benchmarks.equal_cost.sides import WorkingTree

ROOT = Path(__file__).resolve().parents[2]
MACS = 300_000
"""Of one example, at most, in every arm."""
QUICK = ("search.trials=9", "final.rounds=5", "final.seeds=1")
"""With one seed: shows that all of it runs, and proves nothing."""
OTHERS = ARMS[1:]


class Suite:
    """Runs the arms and says which.

    Parameters
    ----------
    cases : dict of str to Case
        The data sets.
    files : dict of str to Path
        Those of them that lie in files.
    more : sequence of str
        Overrides of all arms.
    out, scratch : Path
        Where runs are kept, and where files lie that only runs need.
    console : Console
        Where it is told.
    """

    def __init__(
        self,
        cases: dict[str, Case],
        files: dict[str, Path],
        more: Sequence[str],
        out: Path,
        scratch: Path,
        console: Console,
    ) -> None:
        self._side = WorkingTree(ROOT)
        self._cases = cases
        self._more = more
        self._out = out
        self._console = console
        self._file = cache(lambda name: cases[name].file(files.get(name), scratch))

    def arms(self, name: str, seed: int) -> dict[str, Reached]:
        """Run the search, and then what may cost as much."""
        found = {"search": self._run(name, "search", seed, ())}
        folder = self._folder(name, "search", seed)
        found["portfolio"] = self._run(name, "portfolio", seed, portfolio(folder))
        found["random"] = self._run(name, "random", seed, random_search(found["search"].cost))
        return found

    def _folder(self, name: str, arm: str, seed: int) -> Path:
        return self._out / name / arm / f"seed-{seed}"

    def _run(self, name: str, arm: str, seed: int, own: Sequence[str]) -> Reached:
        what, folder = f"{name}, {arm}, seed {seed}", self._folder(name, arm, seed)
        overrides = [*self._cases[name].federation, f"space.max_macs={MACS}", *self._more, *own]
        with self._console.status(what):
            sources, now = run_once(self._side, folder, seed, overrides, lambda: self._file(name))
        found = reached(folder)
        took = f"{found.seconds:.0f} s" if now else "ran before"
        self._console.print(
            f"{what}: {found.metric} {found.value:.4f}, {found.macs:,} MACs, {found.cost / 1e9:.2f} G ({took})"
        )
        if sources != self._side.sources:
            self._console.print(f"  by sources that have changed since; to run it again, remove {folder}", style="red")
        return found


def show(found: dict[str, list[dict[str, Reached]]], title: str, console: Console) -> dict[str, list[Gain]]:
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
            *(_cell(gains[arm][-1]) for arm in OTHERS),
            " / ".join(f"{fmean(each.cost for each in by_arm[arm]) / 1e9:,.1f}" for arm in ARMS),
            " / ".join(f"{fmean(each.seconds for each in by_arm[arm]):.0f}" for arm in ARMS),
        )
    console.print(table)
    for arm, of_arm in gains.items():
        told = overall(of_arm)
        interval = f", 95 % interval {told.low:+.4f} to {told.high:+.4f}, by data set" if told.known else ""
        console.print(f"gain of the search over {arm}: {told.mean:+.4f} over {len(of_arm)} data sets{interval}")
    return gains


def _cell(of: Gain) -> str:
    return f"{of.mean:+.4f}" + ("" if of.spread is None else f" ({of.spread:.4f})")


def main() -> None:
    """Run, and print."""
    arguments = _arguments()
    given = {Path(words[0]).stem: words for words in arguments.data}
    files = {name: Path(words[0]) for name, words in given.items()}
    cases = {**EMBEDDED, **{name: case_of(name, words[1:]) for name, words in given.items()}}
    chosen = {name: case for name, case in cases.items() if name in (arguments.only or cases)}
    console, out = Console(width=150), arguments.out.absolute()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and what is temporary goes too
    found: dict[str, list[dict[str, Reached]]] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="flwr-nas-suite-") as scratch:
            suite = Suite(chosen, files, QUICK if arguments.quick else (), out, Path(scratch), console)
            for name in chosen:
                found[name] = [suite.arms(name, seed) for seed in arguments.seeds]
                write_aside(out / "suite.json", json.dumps(_plain(found), indent=2) + "\n")
    except FlwrNasError as error:
        raise SystemExit(f"suite.py: {error}") from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    if found:
        show(found, f"Equal cost, seeds {' '.join(map(str, arguments.seeds))}", console)


def _plain(found: dict[str, list[dict[str, Reached]]]) -> dict[str, list[dict[str, dict[str, object]]]]:
    return {name: [{arm: asdict(one) for arm, one in each.items()} for each in seeds] for name, seeds in found.items()}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data",
        action="append",
        nargs="+",
        default=[],
        metavar=("FILE", "OVERRIDE"),
        help=f"{', '.join(CASES)} are known; of another the overrides say who holds what",
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"among {', '.join(EMBEDDED)} and the files' names")
    parser.add_argument("--quick", action="store_true", help="small searches; seed 0 unless --seeds says more")
    parser.add_argument("--seeds", type=int, nargs="+")
    parser.add_argument("--out", type=Path, help="keeps the runs, and suite.json; runs/suite, or runs/suite-quick")
    arguments = parser.parse_args()
    if arguments.seeds is None:
        arguments.seeds = [0] if arguments.quick else [0, 1, 2]
    if arguments.out is None:
        arguments.out = Path("runs/suite-quick" if arguments.quick else "runs/suite")
    return arguments


if __name__ == "__main__":
    main()
