"""What a node makes of specs that nobody would send: random and damaged ones, through parser, limits and lowering.

    python tests/benchmarks/hostile.py [--count 100000] [--seed 0]

As many specs are drawn from the spaces of all kinds, and as many are drawn and damaged: torn text, fields that are
missing, unknown or misnamed, values of other types or beyond all bounds, values that are legal one by one and huge
together, parts of other kinds; with tasks that they may not fit. Each becomes a model or is refused with a named error
of `common.errors`. Anything else is printed with its text, and the command fails. The last columns say how many came
how far, so that not all end in the parser; and below are the rate and the most memory that the process had.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[2]))

from common.seeding import generator
from common.tasks import Task
from tests.support.hostile import LIMITS, STAGES, fate_of, hostile_specs, random_specs

SOURCES: dict[str, Callable[[np.random.Generator], Iterator[tuple[str, Task]]]] = {
    "random": random_specs,
    "hostile": hostile_specs,
}
_SHOWN = 3
"""Texts that ended otherwise, and are printed."""
_MIB = 2**20


class Tally:
    """Counts what became of specs.

    Attributes
    ----------
    refused : Counter
        By stage.
    models : int
        Those that were built.
    others : int
        Those that ended in neither a model nor a named error.
    """

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()
        self.models = self.others = 0

    def take(self, text: str, task: Task, console: Console) -> None:
        """Do with a spec what a node does, and count."""
        try:
            fate = fate_of(text, task)
        except Exception:
            self.others += 1
            if self.others <= _SHOWN:
                console.print(f"{text[:2000]!r}\n{task}\n{traceback.format_exc()}", markup=False)
            return
        if fate.error is None:
            self.models += 1
        else:
            self.refused[fate.stage] += 1

    def reached(self, stage: str) -> int:
        """Count those that came as far as a stage, whether or not they were refused there."""
        later = STAGES[STAGES.index(stage) :]
        return self.models + sum(self.refused[other] for other in later)


def peak() -> float:
    """Return the most memory in MiB that this process ever had resident."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (_MIB if sys.platform == "darwin" else 1024)


def show(tallies: dict[str, Tally], count: int, console: Console) -> None:
    """Print the table."""
    table = Table(title=f"{count:,} specs of each source")
    table.add_column("stage")
    for source in tallies:
        for what in ("reach it", "refused there"):
            table.add_column(f"{source}: {what}", justify="right")
    for stage in STAGES:
        shares = [n / count for t in tallies.values() for n in (t.reached(stage), t.refused[stage])]
        table.add_row(stage, *(f"{share:.1%}" for share in shares))
    table.add_row("built", *(cell for t in tallies.values() for cell in (f"{t.models / count:.1%}", "")))
    table.add_row("anything else", *(cell for t in tallies.values() for cell in (str(t.others), "")))
    console.print(table)


def main() -> None:
    """Draw, damage, count, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100_000, help="specs of each source")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    console, before = Console(width=120), peak()
    tallies = {source: Tally() for source in SOURCES}
    began, cpu = time.perf_counter(), time.process_time()
    for source, specs in SOURCES.items():
        for text, task in islice(specs(generator(arguments.seed, "hostile", source)), arguments.count):
            tallies[source].take(text, task, console)
    total = arguments.count * len(SOURCES)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    show(tallies, arguments.count, console)
    console.print(
        f"{total / seconds:,.0f} specs a second, {total / cpu:,.0f} a second of CPU time; "
        f"{peak():,.0f} MiB at most, of which {before:,.0f} MiB once all is imported"
    )
    console.print(f"A node's limits: {LIMITS}", highlight=False)
    sys.exit(any(tally.others for tally in tallies.values()))


if __name__ == "__main__":
    main()
