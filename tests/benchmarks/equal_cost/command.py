"""What the benchmarks of equal cost have in common as commands: what people type, and what is written."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TypeAlias

from rich.console import Console

from common.errors import FlwrNasError
from common.files import write_aside
from tests.benchmarks.equal_cost.arms import Reached
from tests.benchmarks.equal_cost.data import CASES, Case, case_of
from tests.benchmarks.equal_cost.runner import Runner

QUICK = ("search.trials=9", "final.rounds=5", "final.seeds=1")
"""With one seed: shows that all of it runs, and proves nothing."""

BUDGET = 1500.0
"""Of a run, in 1e9 MACs x examples, or a CPU would take days.

With much less, the final trainings, of which there are many, leave a search on thousands of examples next to nothing.
"""

BUDGET_HELP = "at most so many 1e9 MACs x examples a run, by default %(default)g; 0: what the default options cost"

Arms: TypeAlias = dict[str, Reached]
"""What each arm came to on one data set with one seed."""


def arguments_of(
    description: str, embedded: Mapping[str, Case], kept: str, budget: float = BUDGET
) -> argparse.Namespace:
    """Read the command line.

    Parameters
    ----------
    description : str
        Of the benchmark.
    embedded : mapping of str to Case
        Data sets that need no file.
    kept : str
        Name of the summary in the folder that keeps the runs.
    budget : float
        Of a run that says what others may cost, in 1e9 MACs x examples, where no other is asked for; 0: no limit.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--data",
        action="append",
        nargs="+",
        default=[],
        metavar=("FILE", "OVERRIDE"),
        help=f"{', '.join(CASES)} are known; of another the overrides say who holds what",
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"among {', '.join(embedded)} and the files' names")
    parser.add_argument("--quick", action="store_true", help="small searches; seed 0 unless --seeds says more")
    parser.add_argument("--seeds", type=int, nargs="+")
    parser.add_argument("--budget", type=float, default=budget, metavar="G", help=BUDGET_HELP)
    parser.add_argument(
        "--known", type=Path, nargs="+", default=[], metavar="FILE", help=f"a {kept} of elsewhere: it is not run again"
    )
    parser.add_argument("--out", type=Path, help=f"keeps the runs, and {kept}; runs/suite, or runs/suite-quick")
    arguments = parser.parse_args()
    if arguments.seeds is None:
        arguments.seeds = [0] if arguments.quick else [0, 1, 2]
    if arguments.out is None:
        arguments.out = Path("runs/suite-quick" if arguments.quick else "runs/suite")
    return arguments


def limits(budget: float) -> list[str]:
    """Return the overrides of a search that may cost `budget`, in 1e9 MACs x examples; 0: no limit."""
    return [f"search.budget.mac_examples={budget * 1e9:.0f}"] if budget else []


def run_all(
    arguments: argparse.Namespace,
    embedded: Mapping[str, Case],
    arms: Callable[[Runner, str, int], Arms],
    console: Console,
    kept: str,
) -> dict[str, list[Arms]]:
    """Run the arms with each seed on each data set; return what they came to, which is also kept.

    What another call came to, perhaps on another machine, and kept is taken as it is.

    Parameters
    ----------
    arguments : Namespace
        As of `arguments_of`.
    embedded : mapping of str to Case
        Data sets that need no file.
    arms : callable
        Runs all arms on a data set with a seed.
    console : Console
        Where it is told.
    kept : str
        Name of the summary.
    """
    given = {Path(words[0]).stem: words for words in arguments.data}
    files = {name: Path(words[0]) for name, words in given.items()}
    cases = {**embedded, **{name: case_of(name, words[1:]) for name, words in given.items()}}
    chosen = {name: case for name, case in cases.items() if name in (arguments.only or cases)}
    out, more = arguments.out.absolute(), QUICK if arguments.quick else ()
    known = _known(arguments.known)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and what is temporary goes too
    found: dict[str, dict[int, Arms]] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="flwr-nas-suite-") as scratch:
            runner = Runner(chosen, files, more, limits(arguments.budget), out, Path(scratch), console)
            for name in chosen:
                found[name] = {}
                for seed in arguments.seeds:
                    found[name][seed] = known.get((name, seed)) or arms(runner, name, seed)
                    write_aside(out / kept, json.dumps(_plain(found), indent=2) + "\n")
    except FlwrNasError as error:
        raise SystemExit(f"{Path(sys.argv[0]).name}: {error}") from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    return {name: list(seeds.values()) for name, seeds in found.items()}


def _plain(found: Mapping[str, Mapping[int, Arms]]) -> dict[str, dict[int, dict[str, dict[str, object]]]]:
    return {
        name: {seed: {arm: asdict(one) for arm, one in each.items()} for seed, each in seeds.items()}
        for name, seeds in found.items()
    }


def _known(files: Iterable[Path]) -> dict[tuple[str, int], Arms]:
    """Return by data set and seed what other calls came to; raises `SystemExit` for what is no summary."""
    known: dict[tuple[str, int], Arms] = {}
    for file in files:
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            for name, seeds in found.items():
                for seed, each in seeds.items():
                    known[name, int(seed)] = {arm: Reached(**one) for arm, one in each.items()}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise SystemExit(f"{Path(sys.argv[0]).name}: --known must name summaries; of {file}: {error}") from None
    return known
