"""What half precision costs in accuracy: the same searches with weights that travel in float32 and in float16.

    python tests/benchmarks/precision.py [--seeds 5] [--quick] [--experiment digits] [OVERRIDE ...]

All computing is in float32 either way, so only the transport differs. A search by controller=random tries the same
candidates in both, so that their scores and the baseline's test compare in pairs; the architecture that is found may
differ. In simulation: it is the same app. Figures only; nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
PRECISIONS = ("float32", "float16")
Row = dict[str, Any]


def search(folder: Path, precision: str, seed: int, overrides: Sequence[str]) -> Row:
    """Run one search; return what is compared."""
    run = folder / f"{precision}-{seed}"
    command = [sys.executable, "-m", "server_app.cli", "search", f"federation.precision={precision}", f"seed={seed}"]
    done = subprocess.run(
        [*command, *overrides, f"run.dir={run}"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        log = run / "flower.log"
        raise SystemExit(done.stdout + done.stderr + (log.read_text(encoding="utf-8") if log.is_file() else ""))
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    history = json.loads((run / "history.json").read_text(encoding="utf-8"))
    return {
        "found": result["winner"]["test"]["accuracy"],
        "baseline": result["baseline"]["test"]["accuracy"],
        "metrics": {trial["number"]: trial["metrics"] for trial in history if trial["state"] == "finished"},
        "failed": sum(trial["state"] == "failed" for trial in history),
        "down": result["counts"]["bytes_down"],
        "up": result["counts"]["bytes_up"],
    }


def spread(values: Sequence[float]) -> str:
    """Write a mean with its standard deviation."""
    return f"{fmean(values):.4f} ({stdev(values) if len(values) > 1 else float('nan'):.4f})"


def show(rows: dict[str, list[Row]], title: str, console: Console) -> None:
    """Print the table."""
    table = Table(title=title)
    for column in ("mean (standard deviation)", *PRECISIONS, "difference, in pairs"):
        table.add_column(column, justify="left" if column.startswith("mean") else "right")
    full, half = (rows[precision] for precision in PRECISIONS)
    for key, name in (("found", "test accuracy, found"), ("baseline", "test accuracy, baseline")):
        pairs = [(a[key], b[key]) for a, b in zip(full, half, strict=True)]
        table.add_row(name, *(spread(column) for column in zip(*pairs, strict=True)), spread([b - a for a, b in pairs]))
    for key in ("accuracy", "loss"):
        found = [(a["metrics"], b["metrics"]) for a, b in zip(full, half, strict=True)]
        pairs = [(a[n][key], b[n][key]) for a, b in found for n in sorted(a.keys() & b.keys())]
        name = f"validation {key} of {len(pairs)} candidates"
        table.add_row(name, *(spread(column) for column in zip(*pairs, strict=True)), spread([b - a for a, b in pairs]))
    for key, name in (("down", "MB down"), ("up", "MB up")):
        a, b = (fmean(row[key] for row in column) / 1e6 for column in (full, half))
        table.add_row(name, f"{a:.1f}", f"{b:.1f}", f"{b / a:.3f} x")
    table.add_row("candidates that failed", *(str(sum(row["failed"] for row in rows[p])) for p in PRECISIONS), "")
    console.print(table)


def main() -> None:
    """Search in turn, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="2 seeds, 4 candidates, 3 rounds")
    parser.add_argument("--experiment", default="digits")
    parser.add_argument("overrides", nargs="*", help="of the search, such as dataset.path=...")
    arguments = parser.parse_args()
    seeds = 2 if arguments.quick else arguments.seeds
    overrides = [f"experiment={arguments.experiment}", "controller=random", "fidelity=full", "search.trials=12"]
    overrides += ["search.concurrency=12", "final.finalists=1", "final.seeds=1", *arguments.overrides]
    if arguments.quick:
        overrides += ["search.trials=4", "search.concurrency=4", "fidelity.max_rounds=3", "final.rounds=3"]
    rows: dict[str, list[Row]] = {precision: [] for precision in PRECISIONS}
    with tempfile.TemporaryDirectory() as name:
        for seed in range(seeds):
            for precision in PRECISIONS:
                rows[precision].append(search(Path(name), precision, seed, overrides))
    show(rows, f"{arguments.experiment}, {seeds} seeds", Console(width=120))


if __name__ == "__main__":
    main()
