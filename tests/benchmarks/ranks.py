"""How well scores on shared weights rank networks: against training each alone, beside a second training of its own.

    python tests/benchmarks/ranks.py [--specs 20] [--rounds 30] [--final 20] [--seeds 0] [--set space=mobile]
    python tests/benchmarks/ranks.py --data uci_har.npz

One run for each data set and seed: a supernet is warmed up for so many rounds, random specs are scored with it, and all
of them are finalists, which train from scratch for so many rounds, each with two seeds, on the same nodes and scored by
the same panel. The rank correlation of the two trainings is the ceiling: no score can tell more. Figures only; nothing
is asserted. A run that has finished is not run again.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr

from common.errors import FlwrNasError
from server_app.run_folder import JOURNAL
from tests.benchmarks.equal_cost.data import CASES, EMBEDDED, case_of
from tests.benchmarks.equal_cost.runner import Runner

Scores = dict[str, list[float]]
"""By the id of a spec: its score on shared weights, and then that of each training alone."""


def scores_in(folder: Path) -> Scores:
    """Read the scores of all specs that have all of them from the journal of a run."""
    spec_of: dict[str, str] = {}
    found: Scores = {}
    for line in (folder / JOURNAL).read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        if event["event"] == "proposed":
            spec_of[event["trial"]] = event["spec_id"]
        elif event["event"] == "scored" and event["trial"].startswith(("trial-", "finalist-")):
            found.setdefault(spec_of[event["trial"]], []).append(event["score"])
    return {spec: values for spec, values in found.items() if len(values) == 3}


def rho(scores: Scores, one: int, other: int) -> float:
    """Return Spearman's rank correlation of two columns."""
    columns = list(zip(*scores.values(), strict=True))
    return float(spearmanr(columns[one], columns[other]).statistic)


def options(specs: int, rounds: int, final: int) -> list[str]:
    """Return the overrides of a run."""
    return [
        "weights=supernet",
        f"weights.rounds={rounds}",
        "fidelity=one_shot",
        "controller=random",
        "search.start=[]",
        f"search.trials={specs}",
        f"search.concurrency={specs}",
        f"final.finalists={specs}",
        "final.seeds=2",
        f"final.rounds={final}",
    ]


def main() -> None:
    """Run, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--specs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=30, help="of the warm-up")
    parser.add_argument("--final", type=int, default=20, help="rounds of each training alone")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--data", type=Path, nargs="+", default=[], metavar="FILE", help=", ".join(CASES))
    parser.add_argument("--set", nargs="+", default=["space=mobile"], metavar="OVERRIDE")
    parser.add_argument("--out", type=Path, default=Path("runs/ranks"), help="keeps the runs")
    arguments = parser.parse_args()
    console = Console(width=120)
    files = {path.stem: path for path in arguments.data}
    cases = {name: case_of(name) for name in files} or {"digits": EMBEDDED["digits"]}
    table = Table(title=f"rank correlation of {arguments.specs} specs", caption="Spearman's rho, mean over seeds")
    for column in ("data", "shared, alone", "alone, alone again", "best of shared is alone", "shared", "alone"):
        table.add_column(column, justify="right" if column != "data" else "left")
    own = [*options(arguments.specs, arguments.rounds, arguments.final), *arguments.set]
    with tempfile.TemporaryDirectory(prefix="flwr-nas-ranks-") as scratch:
        runner = Runner(cases, files, (), (), arguments.out.absolute(), Path(scratch), console)
        for name in cases:
            try:
                for seed in arguments.seeds:
                    runner.run(name, "supernet", seed, own)
            except FlwrNasError as error:
                raise SystemExit(f"ranks.py: {error}") from None
            found = [scores_in(runner.folder(name, "supernet", seed)) for seed in arguments.seeds]
            table.add_row(
                name,
                f"{fmean((rho(each, 0, 1) + rho(each, 0, 2)) / 2 for each in found):+.2f}",
                f"{fmean(rho(each, 1, 2) for each in found):+.2f}",
                ", ".join(f"{place_of_best(each)} of {len(each)}" for each in found),
                spread(score for each in found for score, *_ in each.values()),
                spread(score for each in found for _, *alone in each.values() for score in alone),
            )
    console.print(table)


def spread(scores: Iterable[float]) -> str:
    """Return the least and the greatest of scores."""
    values = list(scores)
    return f"{min(values):.2f} to {max(values):.2f}"


def place_of_best(scores: Scores) -> int:
    """Return the place that the spec with the best shared score has by its mean score alone; 1 is the first."""
    best = max(scores, key=lambda spec: scores[spec][0])
    alone = {spec: fmean(values[1:]) for spec, values in scores.items()}
    return 1 + sum(value > alone[best] for value in alone.values())


if __name__ == "__main__":
    main()
