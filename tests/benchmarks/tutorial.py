"""Times the tutorial's own loop against `flwr-nas search experiment=tutorial`, in turn.

    python tests/benchmarks/tutorial.py [--repeats 3] [--seed-document PATH]

The loop is taken from its document at run time, without the one statement that fails. It trains in one
process and knows neither nodes nor messages. Printed are the seconds of both, their ratios with and
without Flower's start-up, the scores, and where our time goes. Both searches try 20 candidates for 10
rounds on 5 of 10 clients and score on 300 examples:

    a  to the letter, one candidate after the other
    b  the same with proposals in batches of 10
"""

from __future__ import annotations

import argparse
import ast
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT.parent / "shared" / "seed" / "tutorial-122.md"
EXAMPLES = 300
FINAL_EXCHANGES = 10 + 1  # rounds of the final training, and its test

DRIVER = """
import json, sys, time, logging
began = time.perf_counter()
import tutorial_loop as loop
imported = time.perf_counter()
logging.disable(logging.CRITICAL)
seed = int(sys.argv[1])
config = loop.NASConfig(seed=seed)
loop.torch.manual_seed(seed)
loop.np.random.seed(seed)
clients = [
    loop.NASClient(i, loop.NASDataset(client_id=i, dim=config.input_dim, seed=seed), config)
    for i in range(config.num_clients)
]
server = loop.NASServer(clients, loop.NASDataset(client_id=999, n=300, seed=999), config)
server.search()
done = time.perf_counter()
scores = [row["score"] for row in server.arch_history]
print(json.dumps({"import": imported - began, "search": done - imported, "scores": scores}))
"""


def extract(document: Path, folder: Path) -> None:
    """Write the tutorial's program without the statement that fails, and a driver that times it."""
    code = document.read_text().split("```python\n", 1)[1].split("```", 1)[0]
    tree = ast.parse(code)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [item for item in body if not _fails(item)]  # type: ignore[attr-defined]
    (folder / "tutorial_loop.py").write_text(ast.unparse(tree))
    (folder / "driver.py").write_text(DRIVER)


def _fails(statement: ast.stmt) -> bool:
    """Tell the parameter estimate, which calls np.prod on a generator."""
    return isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "params"


def run_loop(folder: Path, seed: int) -> dict[str, Any]:
    """Run the loop; return its seconds and scores."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "driver.py", str(seed)], cwd=folder, check=True, capture_output=True, text=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    return {"whole": time.perf_counter() - began, **found}


def run_ours(folder: Path, seed: int, concurrency: int) -> dict[str, Any]:
    """Run our search; return its seconds and scores."""
    run = folder / f"ours-{concurrency}-{seed}"
    command = [str(Path(sys.executable).with_name("flwr-nas")), "search", "experiment=tutorial"]
    began = time.perf_counter()
    subprocess.run(
        [*command, f"seed={seed}", f"search.concurrency={concurrency}", f"run.dir={run}"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    whole = time.perf_counter() - began
    result = json.loads((run / "result.json").read_text())
    history = json.loads((run / "history.json").read_text())
    return {
        "whole": whole,
        **result["seconds"],
        "compute": result["node_seconds"]["search"],
        "exchanges": result["counts"]["exchanges"] - FINAL_EXCHANGES,
        "scores": [trial["score"] for trial in history],
    }


def report(loops: list[dict[str, Any]], ours: list[dict[str, Any]], title: str) -> None:
    """Print the figures of one comparison."""

    def mean(rows: list[dict[str, Any]], *names: str) -> float:
        return statistics.fmean(sum(row[name] for name in names) for row in rows)

    bare = [own["search"] / loop["search"] for own, loop in zip(ours, loops, strict=True)]
    full = [
        (own["start_up"] + own["search"]) / (loop["import"] + loop["search"])
        for own, loop in zip(ours, loops, strict=True)
    ]
    print(f"\n{title}")
    print(f"  loop   search {mean(loops, 'search'):6.2f} s   imports {mean(loops, 'import'):5.2f} s")
    print(
        f"  ours   search {mean(ours, 'search'):6.2f} s   start-up {mean(ours, 'start_up'):5.2f} s   "
        f"final training {mean(ours, 'final'):5.2f} s   whole command {mean(ours, 'whole'):6.2f} s"
    )
    print(f"  ratio after start-up  {statistics.median(bare):.2f}  ({', '.join(f'{r:.2f}' for r in bare)})")
    print(f"  ratio with start-up   {statistics.median(full):.2f}  ({', '.join(f'{r:.2f}' for r in full)})")
    exchanges, compute = mean(ours, "exchanges"), mean(ours, "compute")
    print(
        f"  {exchanges:.0f} exchanges of {1000 * mean(ours, 'search') / exchanges:.0f} ms; the nodes computed "
        f"{compute:.2f} s in all ({1000 * compute / exchanges:.0f} ms an exchange, on two workers)"
    )
    best = [[max(row["scores"]) for row in rows] for rows in (loops, ours)]
    means = [statistics.fmean(values) for values in best]
    error = math.sqrt(sum(m * (1 - m) / (EXAMPLES * len(best[0])) for m in means))
    print(
        f"  best score: loop {means[0]:.4f}, ours {means[1]:.4f}, difference {means[1] - means[0]:+.4f} "
        f"= {(means[1] - means[0]) / error:+.1f} standard errors"
    )
    every = [statistics.fmean(s for row in rows for s in row["scores"]) for rows in (loops, ours)]
    print(f"  mean score of all candidates: loop {every[0]:.4f}, ours {every[1]:.4f}")


def main() -> None:
    """Run both in turn and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed-document", type=Path, default=DOCUMENT)
    arguments = parser.parse_args()
    loops: list[dict[str, Any]] = []
    ours: dict[int, list[dict[str, Any]]] = {1: [], 10: []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        extract(arguments.seed_document, folder)
        for seed in range(42, 42 + arguments.repeats):
            loops.append(run_loop(folder, seed))
            for concurrency, rows in ours.items():
                rows.append(run_ours(folder, seed, concurrency))
    report(loops, ours[1], "(a) to the letter, one candidate after the other")
    report(loops, ours[10], "(b) proposals in batches of 10")


if __name__ == "__main__":
    main()
