"""Whether the default options of a search pay, against those of an older version, at equal cost.

    python tests/benchmarks/defaults.py --old COMMIT --data uci_har=PATH mnist_writers=PATH fashion_mnist=PATH
        [--seeds 0 1 2] [--out FOLDER] [--budget G] [--only uci_har] [--set search.trials=4 final.rounds=2]

Both search with the options that they come with, but for who holds which data, and how many trials the old one has:
with each seed so many that its training costs at least as much as the new one's, all of a run included
(equal_cost/cost.py), and 27 at least. The new one trains its finalists once each. Costs are MACs of one example forward
x examples. Each trains its winner by its own recipe for its own `final.rounds`; both are tested on the same examples,
which come with the data.

A search that has finished is not run again: the same command goes on with a benchmark that was interrupted, and prints
the table again once all is there. Figures only; nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import math
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rich.console import Console
from rich.table import Table

from common.errors import FlwrNasError
from common.files import write_aside
from tests.benchmarks.equal_cost.command import BUDGET, BUDGET_HELP, limits
from tests.benchmarks.equal_cost.data import CASES
from tests.benchmarks.equal_cost.runs import Found, found_in, run_once
from tests.benchmarks.equal_cost.sides import Commit, Side, WorkingTree

ROOT = Path(__file__).resolve().parents[2]
TRIALS = 27
"""Of the old side, at least: its default."""
MARGIN = 1.05
"""By which more trials are asked for than would cost as much: later ones may be cheaper."""
STEP = 4
"""How many times more trials there are at most from one search to the next."""
SHOWN = ("winner", "baseline", "linear", "constant")


@dataclass(frozen=True)
class Row:
    """The searches of one side on one data set, one a seed.

    Parameters
    ----------
    data, side : str
        Their names.
    found : list of Found
        By seed.
    """

    data: str
    side: str
    found: list[Found]

    @property
    def cost(self) -> float:
        """Mean cost of a run's training, in MACs x examples."""
        return fmean(found.cost for found in self.found)

    def values(self, who: str, part: str = "") -> list[float]:
        """Return the primary metric of the tests that there are, or that part of its spread over people."""
        tests = [(found.tests.get(who, {}), found.metric + part) for found in self.found]
        return [test[name] for test, name in tests if name in test and not (part and test["nodes"] == 1)]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        metric = self.found[0].metric
        return {
            "data": self.data,
            "side": self.side,
            "metric": metric,
            "test": {who: _summary(values) for who in SHOWN if (values := self.values(who))},
            "spread": {who: fmean(values) for who in SHOWN if (values := self.values(who, "_std"))},
            "trials": fmean(found.trials for found in self.found),
            "cost": self.cost,
            "seconds": {name: fmean(found.seconds[name] for found in self.found) for name in self.found[0].seconds},
            "runs": [asdict(found) for found in self.found],
        }


def more_trials(tried: Sequence[tuple[int, float]], cost: float) -> int:
    """Return how many trials the old side has next, so that it comes to a cost and not far beyond.

    Later trials are dearer than earlier ones where a search finds that larger networks are better: so it goes by what
    the last ones cost, and in steps.

    Parameters
    ----------
    tried : sequence of tuple
        Trials, and what they cost in all, rising from ``(0, 0.0)``.
    cost : float
        That they are to come to.
    """
    last, spent = tried[-1]
    if not last:
        return TRIALS
    before, less = tried[-2]
    each = max((spent - less) / (last - before), spent / last)
    return last + max(1, min(math.ceil(MARGIN * (cost - spent) / each), (STEP - 1) * last))


def _summary(values: Sequence[float]) -> dict[str, float | None]:
    return {"mean": fmean(values), "sd": stdev(values) if len(values) > 1 else None}


class Benchmark:
    """Runs searches and says which.

    Parameters
    ----------
    old, new : Side
        The two.
    files : dict of str to Path
        Of the data sets.
    out, scratch : Path
        Where runs are kept, and where files lie that only runs need.
    more : sequence of str
        Overrides of both sides.
    limits : sequence of str
        Overrides of the new one.
    """

    def __init__(
        self,
        old: Side,
        new: Side,
        files: dict[str, Path],
        out: Path,
        scratch: Path,
        more: Sequence[str],
        limits: Sequence[str],
        console: Console,
    ) -> None:
        self._old, self._new = old, new
        self._out = out
        self._more = more
        self._limits = limits
        self._console = console
        self._file = cache(lambda name: CASES[name].file(files[name], scratch))

    def rows(self, name: str, seeds: Sequence[int]) -> list[Row]:
        """Search on one data set with both sides."""
        found = [self._pair(name, seed) for seed in seeds]
        return [
            Row(name, self._old.label, [old for old, _ in found]),
            Row(name, self._new.label, [new for _, new in found]),
        ]

    def _pair(self, name: str, seed: int) -> tuple[Found, Found]:
        """Search with both sides, the old one with more and more trials until it has cost as much."""
        new = self._run(name, self._new, seed, ["final.seeds=1", *self._limits], "default")
        tried = [(0, 0.0)]
        while True:
            trials = more_trials(tried, new.cost)
            old = self._run(name, self._old, seed, [f"search.trials={trials}"], f"trials-{trials}")
            if old.cost >= new.cost:
                return old, new
            tried.append((trials, old.cost))

    def _run(self, name: str, side: Side, seed: int, own: Sequence[str], kind: str) -> Found:
        what = f"{name}, {side.label}, seed {seed}, {kind}"
        folder = self._out / name / side.label / f"seed-{seed}-{kind}"
        overrides = [*CASES[name].federation, *self._more, *own]
        with self._console.status(what):
            sources, now = run_once(side, folder, seed, overrides, lambda: self._file(name))
            found = found_in(folder, sources)
        score = found.tests["winner"][found.metric]
        took = f"{sum(found.seconds.values()):.0f} s" if now else "ran before"
        self._console.print(f"{what}: {found.metric} {score:.4f}, {found.cost / 1e9:.1f} GMAC x examples ({took})")
        if found.sources != side.sources:
            self._console.print(f"  by sources that have changed since; to run it again, remove {folder}", style="red")
        return found


def show(rows: Sequence[Row], title: str, console: Console) -> None:
    """Print the table."""
    others = [who for who in SHOWN[2:] if any(row.values(who) for row in rows)]
    table = Table(title=title, caption="mean over seeds (standard deviation)")
    table.add_column("data")
    table.add_column("side")
    for column in ("test", "sd of people", "baseline", *others, "trials", "GMAC x examples of training", "s"):
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(
            f"{row.data}, {row.found[0].metric}",
            row.side,
            _cell(row.values("winner")),
            _cell(row.values("winner", "_std"), spread=False),
            *(_cell(row.values(who)) for who in ("baseline", *others)),
            f"{fmean(found.trials for found in row.found):g}",
            f"{row.cost / 1e9:,.1f}",
            f"{fmean(sum(found.seconds.values()) for found in row.found):.0f}",
            end_section=row is rows[-1] or row.data != rows[rows.index(row) + 1].data,
        )
    console.print(table)


def _cell(values: Sequence[float], *, spread: bool = True) -> str:
    if not values:
        return "-"
    deviation = f" ({stdev(values):.4f})" if spread and len(values) > 1 else ""
    return f"{fmean(values):.4f}{deviation}"


def _file(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    if name not in CASES or not path:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PATH with a NAME among {', '.join(CASES)}")
    return name, Path(path)


def main() -> None:
    """Search, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--old", required=True, metavar="COMMIT", help="of this repository")
    parser.add_argument("--data", required=True, nargs="+", type=_file, metavar="NAME=PATH", help=", ".join(CASES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--budget", type=float, default=BUDGET, metavar="G", help=BUDGET_HELP)
    parser.add_argument("--out", type=Path, default=Path("runs/defaults"), help="keeps the runs, and defaults.json")
    parser.add_argument("--only", nargs="+", choices=list(CASES), help="of the data sets that --data names")
    parser.add_argument("--set", nargs="+", default=[], metavar="OVERRIDE", help="of both sides, to try it small")
    arguments = parser.parse_args()
    files, console = dict(arguments.data), Console(width=150)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and the checkout goes too
    names = [name for name in files if name in (arguments.only or files)]
    if not names:
        parser.error("--only names no data set of --data")
    out = arguments.out.absolute()
    try:
        with ExitStack() as stack:
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flwr-nas-defaults-")))
            old = stack.enter_context(Commit(ROOT, arguments.old, scratch))
            own = limits(arguments.budget)
            benchmark = Benchmark(old, WorkingTree(ROOT), files, out, scratch, arguments.set, own, console)
            rows: list[Row] = []
            for name in names:
                rows += benchmark.rows(name, arguments.seeds)
                content = {"old": old.sources, "set": arguments.set, "rows": [row.to_json() for row in rows]}
                write_aside(out / "defaults.json", json.dumps(content, indent=2) + "\n")
    except FlwrNasError as error:
        raise SystemExit(f"defaults.py: {error}") from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    show(
        rows,
        f"Default options, {old.label} and new at equal cost, seeds {' '.join(map(str, arguments.seeds))}",
        console,
    )


if __name__ == "__main__":
    main()
