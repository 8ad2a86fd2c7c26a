"""Kills a simulated search with SIGKILL at moments drawn by a seed, resumes it, and compares it with one left alone.

    python tests/benchmarks/resume.py [--kills 20] [--seed 0]

The search has all that has state: evolution, successive halving, `split`, FedAdam. It is killed within rounds, between
them, while a file is written, and in the final training: the command, the SuperLink, the simulation (with the ServerApp
in it), or all of them. A row is ``equal`` where the journal has no gap and no repeat and tells the same story, the
history and the final weights are the same bit for bit, and no node trained again what had ended.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from common.seeding import generator
from tests.support.killing import VICTIMS, Killable, Moment, check

_LONG_FINAL = "final.rounds=16"
_LAST = 12
"""Last lines of the journal that no kill waits for: they come within milliseconds, and a kill would come too late."""


def draw(lines: list[dict[str, object]], kills: int, rng: np.random.Generator) -> list[tuple[str, Moment]]:
    """Return moments in the course of a run whose journal is known, each with its kind."""
    kinds = [str(line["event"]) for line in lines]
    final, first = kinds.index("final"), kinds.index("search")
    moments = []
    for index in range(kills):
        kind = ("within a round", "between rounds", "during a write", "in the final")[index % 4]
        low, high = (final + 1, len(lines) - _LAST) if kind == "in the final" else (first + 1, final)
        line = int(rng.integers(low, high))
        if kind == "between rounds":
            settled = [at + 1 for at in range(low, high) if kinds[at] in ("round", "scored")]
            line = settled[int(rng.integers(len(settled)))]
        pause = float(rng.uniform(0, 0.1)) if kind in ("within a round", "in the final") else 0.0
        victim = VICTIMS[int(rng.integers(len(VICTIMS)))]
        moments.append((kind, Moment(line, pause, kind == "during a write", victim)))
    return moments


def main() -> None:
    """Kill and resume, and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    console, table = Console(width=140), Table(title=f"{arguments.kills} kills, seed {arguments.seed}")
    for title in ("kill", "moment", "of", "after line", "of lines", "went on after", "outcome"):
        table.add_column(title)
    with tempfile.TemporaryDirectory(prefix="flwr-nas-resume-") as name:
        base = Path(name)
        whole = Killable(base / "whole", _LONG_FINAL)
        whole.finish(whole.start())
        lines = whole.lines()
        rng = generator(arguments.seed, "kills")
        for index, (kind, moment) in enumerate(draw(lines, arguments.kills, rng)):
            run = Killable(base / str(index), _LONG_FINAL)
            before = run.kill_at(run.start(), moment)
            began, outcome = time.monotonic(), "equal"
            try:
                run.finish(run.resume())
                check(run, whole, before)
            except AssertionError as error:
                outcome = f"not equal: {str(error)[:300]}"
            kept = next((at for at, line in enumerate(run.lines()) if line["event"] == "resuming"), 0)
            console.print(f"{index + 1:3d}  {kind}, {moment.victim}: {outcome} ({time.monotonic() - began:.0f} s)")
            table.add_row(
                str(index + 1), kind, moment.victim, str(len(before)), str(len(lines)), f"line {kept}", outcome
            )
            shutil.rmtree(run.folder)
    console.print(table)


if __name__ == "__main__":
    main()
