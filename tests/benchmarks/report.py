"""How long the report of a long search takes to write, and its page to appear in a browser, from a file and from watch.

    python tests/benchmarks/report.py [--trials 1000] [--repeats 3]

The journal is generated: trials of the layered space for vectors on two nodes, three rungs, half promoted at each, and
scores that depend on depth and width. First paint is what Chromium, which must be installed, tells of it
(first-contentful-paint). Before flwr-nas watch prints its address it has made the page, which is not counted here.
Figures only; nothing is asserted.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from common.architecture.cost import cost_of
from common.architecture.spec import ArchitectureSpec
from common.config import compose_config
from common.seeding import generator
from common.settings import TrainingSettings
from server_app.report.serve import Watcher
from server_app.report.write import write_report
from server_app.results import write_config
from tests.server_app.report.conftest import TASK, Written
from tests.support.browser import Browser, chromium

WIDTHS = (8, 16, 32, 64, 128)
DEPTH = 4
ACTIVATIONS = ("relu", "gelu")
SPACE = ["space=layered", f"space.max_layers={DEPTH}", "space.operations=[linear]", f"space.width={list(WIDTHS)}"]
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


def journal(folder: Path, trials: int) -> None:
    """Write the run folder of a search that is under way."""
    random, written = generator(0, "trials"), Written().begin("a", "b")
    going, spent, worth = list(range(trials)), 0, {}
    for trial in going:
        widths = random.choice(WIDTHS, int(random.integers(1, DEPTH + 1)))
        layers = [
            {"op": "linear", "width": int(width), "activation": str(random.choice(ACTIVATIONS)), "norm": "group"}
            for width in widths
        ]
        spec = ArchitectureSpec.from_dict(
            {"version": 1, "kind": "layered", "layers": [{**layer, "dropout": 0.1} for layer in layers]}
        )
        cost = cost_of(spec.lower(TASK))
        worth[trial] = 0.6 + 0.03 * len(layers) + 0.001 * float(widths[0]) + 0.03 * random.standard_normal()
        written.add(
            "proposed",
            trial=f"trial-{trial:04d}",
            spec_id=spec.id,
            spec=spec.to_dict(),
            recipe=TrainingSettings().to_json(),
            origin="mutation" if trial > 20 else "sample",
            parent=int(random.integers(trial)) if trial > 20 else None,
            repeats=None,
            parameters=cost.parameters,
            macs=cost.macs,
        )
    best = 0.0
    for rung in (1, 2, 3):
        for trial in going:
            name, spent = f"trial-{trial:04d}", spent + 1000
            value = round(worth[trial] + 0.02 * rung + 0.01 * float(random.standard_normal()), 4)
            written.round(name, rung, spent, spent).scored(name, rung, value, spent, spent)
            if value > best:
                best = value
                written.best(name, rung, value)
        going = sorted(going, key=lambda trial: -worth[trial])[: len(going) // 2]
    written.folder(folder)
    write_config(folder, compose_config([*SPACE, "training=adam"]))


def timed_paint(browser: Browser, address: str) -> float:
    """Open an address and return the milliseconds to its first paint."""
    browser.visit(address)
    browser.wait(f"({PAINT}) !== null")
    return float(browser.ask(PAINT))


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    if chromium() is None:
        parser.error("Chromium must be installed")
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch) / "run"
        journal(run, arguments.trials)
        wrote, painted, served = [], [], []
        watcher = Watcher(run, "127.0.0.1", 0)
        watcher.served.page()
        threading.Thread(target=watcher.serve_forever, daemon=True).start()
        with Browser(Path(scratch) / "profile") as browser:
            for _ in range(arguments.repeats):
                began = time.perf_counter()
                page = write_report(run)
                wrote.append(time.perf_counter() - began)
                painted.append(timed_paint(browser, page.as_uri()))
                served.append(timed_paint(browser, watcher.address))
        watcher.shutdown()
        size = page.stat().st_size / 1e6
    print(f"{arguments.trials} trials, median of {arguments.repeats}: written in {median(wrote):.2f} s ({size:.1f} MB)")
    print(f"first paint from the file {median(painted):.0f} ms, from watch {median(served):.0f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
