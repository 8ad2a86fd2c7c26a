"""Runs the arms of a benchmark, and says which, how long that may take, and what came of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from statistics import fmean

import numpy as np
from rich.console import Console

from tests.benchmarks.equal_cost.arms import Reached, reached
from tests.benchmarks.equal_cost.data import Case
from tests.benchmarks.equal_cost.runs import run_once
from tests.benchmarks.equal_cost.sides import WorkingTree

ROOT = Path(__file__).resolve().parents[3]
MACS = 300_000
"""Of one example, at most, in every arm: with larger networks a CPU would take days."""
SECONDS_AN_EXAMPLE = 0.05
"""Of a run with the default options, on two cores; roughly."""


class Runner:
    """Runs an arm where it has not finished before.

    Parameters
    ----------
    cases : mapping of str to Case
        The data sets.
    files : mapping of str to Path
        Those of them that lie in files.
    more : sequence of str
        Overrides of all arms.
    limits : sequence of str
        Overrides of `first`.
    out, scratch : Path
        Where runs are kept, and where files lie that only runs need.
    console : Console
        Where it is told.
    """

    def __init__(
        self,
        cases: Mapping[str, Case],
        files: Mapping[str, Path],
        more: Sequence[str],
        limits: Sequence[str],
        out: Path,
        scratch: Path,
        console: Console,
    ) -> None:
        self._side = WorkingTree(ROOT)
        self._cases = cases
        self._more = more
        self._limits = limits
        self._out = out
        self._console = console
        self._file = cache(lambda name: cases[name].file(files.get(name), scratch))
        self._took: defaultdict[tuple[str, ...], list[float]] = defaultdict(list)

    def folder(self, name: str, arm: str, seed: int) -> Path:
        """Return the run folder of an arm."""
        return self._out / name / arm / f"seed-{seed}"

    def first(self, name: str, arm: str, seed: int, own: Sequence[str] = ()) -> Reached:
        """Run the arm that says what the others may cost; see `run`."""
        return self.run(name, arm, seed, [*self._limits, *own])

    def run(self, name: str, arm: str, seed: int, own: Sequence[str] = ()) -> Reached:
        """Return what an arm came to.

        Parameters
        ----------
        name, arm : str
            Of the data set, and of the arm.
        seed : int
            Of the run.
        own : sequence of str
            Overrides of this arm alone.
        """
        what, folder = f"{name}, {arm}, seed {seed}", self.folder(name, arm, seed)
        overrides = [*self._cases[name].federation, f"space.max_macs={MACS}", *self._more, *own]
        with self._console.status(what):
            sources, now = run_once(self._side, folder, seed, overrides, lambda: self._begin(name, arm, what))
        found = reached(folder)
        for of in ((name,), (name, arm)):
            self._took[of].append(found.seconds)
        took = f"{found.seconds:.0f} s" if now else "ran before"
        self._console.print(
            f"{what}: {found.metric} {found.value:.4f}, {found.macs:,} MACs, {found.cost / 1e9:.2f} G ({took})"
        )
        if sources != self._side.sources:
            self._console.print(f"  by sources that have changed since; to run it again, remove {folder}", style="red")
        return found

    def _begin(self, name: str, arm: str, what: str) -> Path | None:
        """Say how long a run may take; return the file that it reads.

        All arms cost the same in MACs x examples, but many small operations take longer than a few large ones.
        """
        file, same, others = self._file(name), self._took[name, arm], self._took[name,]
        about = f"about {fmean(same or others) / 60:.1f} min" if others else guessed(file)
        of = "with other seeds" if same else "as other arms, or longer"
        self._console.print(f"{what}: {about}{f', {of}' if others else ''}", style="dim")
        return file


def guessed(file: Path | None) -> str:
    """Return what is said of the first run on data, of which nothing is known but how many they are."""
    if file is None or file.suffix != ".npz":
        return "nobody knows how long"
    with np.load(file, allow_pickle=False) as arrays:
        examples = int(np.sum(arrays["split"] == 0)) if "split" in arrays else len(arrays["y"])
    return f"perhaps {examples * SECONDS_AN_EXAMPLE / 60:.0f} min, for {examples:,} examples"
