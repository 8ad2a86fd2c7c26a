"""Throughput of a real deployment: a SuperLink and SuperNodes as processes, over TLS, with keys.

    python tests/benchmarks/deployment.py [--quick] [--sample 2] [--only a,a2,b,c,d] [--folder FOLDER]

The same 20 candidates for 3 rounds on the same nodes and data, with the same training

    a  one at a time, with Flower's own FedAvg.start: a client as in Flower's quickstart for PyTorch;
       a sample of the candidates is measured, and multiplied
    a2 the same with our training loop in the client, which needs no torch.optim
    b  with a search that trains all at once (controller=random)
    c  with a search in batches of 4 (controller=evolution, which makes other candidates of the same space)
    d  with a supernet: as many parts of it train in each of as many rounds, and then the candidates are scored

and where the time of one message goes. The clock of (b) to (d) runs from the start of the ServerApp to the end of
the last trial, the handshake included; that of (a) from `FedAvg.start` to its end. Figures only; nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from flwr.cli.build import build_fab_from_files
from flwr.common.serde import fab_to_proto, user_config_to_proto
from flwr.proto.control_pb2 import StartRunRequest
from flwr.supercore.fab import Fab
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits

from common.architecture.cost import cost_of
from common.architecture.spec import ArchitectureSpec
from common.config import Config, compose_config
from common.tasks import Classification, Task
from server_app.blobs import Blobs
from server_app.build import build_search, without_foreign_options
from server_app.journal import Journal
from tests.benchmarks.tracing.breakdown import STEPS, Message, mean_steps, messages_of, read
from tests.support.federation import Federation, wait_for

BENCHMARKS = Path(__file__).resolve().parent
ROOT = BENCHMARKS.parents[1]
TASK = Task((1, 8, 8), Classification(10))
NODES = 4
WANTED = {"b": 8.0, "c": 3.0}
TITLES = {"a": "a, FedAvg.start", "a2": "a2, the same with our training loop"}
LIMIT = 1800.0


@dataclass
class Measured:
    """What was measured of one way.

    Parameters
    ----------
    seconds : float
        Of the candidates that were run.
    candidates : int
        How many those were.
    bytes_down, bytes_up : float
        Weights on the wire for all candidates, also for those that were not run.
    accuracy : dict
        By spec id, after the last round, on the nodes' validation data.
    exchanges : list
        Of (a): kind and seconds of each.
    """

    title: str
    seconds: float
    candidates: int
    messages: list[Message]
    bytes_down: float
    bytes_up: float
    accuracy: dict[str, float]
    exchanges: list[tuple[str, float]] = field(default_factory=list)

    @property
    def per_candidate(self) -> float:
        """Seconds for one."""
        return self.seconds / self.candidates

    @property
    def per_node(self) -> int:
        """Messages that the busiest node got."""
        return max(Counter(message.node for message in self.messages).values(), default=0)


def give_data(folder: Path) -> list[Path]:
    """Deal scikit-learn's digits out to files, one a node."""
    digits, paths = load_digits(), [folder / f"digits-{index}.npz" for index in range(NODES)]
    for index, path in enumerate(paths):
        images = (digits.images[index::NODES] * 15).astype(np.uint8)
        np.savez(path, x=images, y=digits.target[index::NODES].astype(np.int64))
    return paths


def overrides(trials: int, seed: int) -> list[str]:
    """Return what the searches have in common."""
    return [
        "dataset=local",
        f"search.trials={trials}",
        f"federation.nodes={NODES}",
        "space.max_macs=1000000",
        "final.rounds=1",
        "final.finalists=1",
        "final.seeds=1",
        f"seed={seed}",
    ]


def candidates_of(config: Config) -> list[ArchitectureSpec]:
    """Return what (b) is going to propose."""
    controller = build_search(config, TASK, Journal(), Blobs(None)).controller
    return [proposal.spec for proposal in controller.propose(config.search.trials)]


def sample_of(specs: list[ArchitectureSpec], count: int) -> list[ArchitectureSpec]:
    """Return some that stand for all: those in the middle of equal parts, by MACs."""
    by_macs = sorted(specs, key=lambda spec: cost_of(spec.lower(TASK)).macs)
    return [by_macs[int((index + 0.5) * len(by_macs) / count)] for index in range(count)]


def measure_ours(federation: Federation, name: str, title: str, options: list[str]) -> Measured:
    """Run a search; its final training is let go by."""
    run = federation.search(*options, name=name, limit=LIMIT)
    events = run.events
    ended = [event["time"] for event in events if event["event"] in ("finished", "stopped", "failed")]
    final = next((event["time"] for event in events if event["event"] == "final"), None)
    assert final is not None, run.output
    last = max(time for time in ended if time <= final)
    began = (run.folder / "journal.jsonl").stat().st_mtime - events[-1]["time"]
    history = json.loads((run.folder / "history.json").read_text(encoding="utf-8"))
    assert all(trial["state"] == "finished" for trial in history), history
    messages = messages_of(read(federation.folder / "trace"), began, began + last)
    paths = [event for event in events if event["event"] == "round" and event["trial"].startswith("path")]
    down, up = (sum(trial[key] for trial in [*history, *paths]) for key in ("bytes_down", "bytes_up"))
    accuracy = {trial["spec_id"]: trial["score"] for trial in history}
    return Measured(title, last, len(history), messages, down, up, accuracy)


def measure_stock(federation: Federation, title: str, config: Config, sample: int, loop: str) -> Measured:
    """Run Flower's own app on some candidates."""
    candidates = candidates_of(config)
    specs = sample_of(candidates, sample)
    out = federation.folder / f"stock-{loop}.json"
    told = {"input_shape": TASK.input_shape, "num_classes": TASK.head.output_width}
    texts = [{"spec": spec.to_dict(), **told} for spec in specs]
    rounds = int(config.fidelity["max_rounds"])
    run_config = {
        "candidates": json.dumps(texts),
        "dataset": json.dumps(config.dataset.to_json()),
        "training": json.dumps(config.training),
        "rounds": rounds,
        "nodes": NODES,
        "seed": config.seed,
        "loop": loop,
        "out": str(out),
    }
    _submit(federation, run_config)
    found = json.loads(out.read_text(encoding="utf-8"))
    began, ended = found[0]["began"], found[-1]["ended"]
    events = read(federation.folder / "trace")
    exchanges = [event for event in events if event["event"] == "exchange" and began <= event["began"] <= ended]
    size = sum(4 * cost_of(spec.lower(TASK)).parameters for spec in candidates) * NODES * rounds
    return Measured(
        title,
        ended - began,
        len(found),
        messages_of(events, began, ended),
        bytes_down=2 * size,  # to train, and to evaluate
        bytes_up=size,
        accuracy={row["spec_id"]: row["accuracy"][str(rounds)]["eval_acc"] for row in found},
        exchanges=[(event["kind"], event["t"] - event["began"]) for event in exchanges],
    )


def _submit(federation: Federation, run_config: dict[str, Any]) -> None:
    """Run the stock app to its end, as `flwr run` would."""
    import hashlib

    app = BENCHMARKS / "stock_app"
    fab, _ = build_fab_from_files({path.name: path for path in app.iterdir() if path.is_file()})
    request = StartRunRequest(
        fab=fab_to_proto(Fab(hashlib.sha256(fab).hexdigest(), fab, {})),
        override_config=user_config_to_proto(run_config),
    )
    with federation.superlink() as superlink:
        run = superlink._control.StartRun(request)
        assert run.HasField("run_id"), run.note
        status, details = wait_for(lambda: superlink.ending(run.run_id), "the end of the stock app", LIMIT)
        assert status == "completed", details


def thrifty(stock: Measured, rounds: int) -> float:
    """Return seconds per candidate where only the last round were evaluated."""
    seconds = 0.0
    for index, (kind, took) in enumerate(stock.exchanges):
        if kind == "train" or index % (2 * rounds) == 2 * rounds - 1:
            seconds += took
    return seconds / stock.candidates


def show(measured: dict[str, Measured], trials: int, rounds: int, console: Console) -> None:
    """Print the table of what was wanted."""
    table = Table(title=f"{trials} candidates x {rounds} rounds on {NODES} nodes")
    for column in ("", "measured", "s measured", "s for all", "messages a node", "MB down", "MB up", "CPU s a message"):
        table.add_column(column, justify="left" if not column else "right")
    for found in measured.values():
        scale = trials / found.candidates
        table.add_row(
            found.title,
            f"{found.candidates} of {trials}",
            f"{found.seconds:.1f}",
            f"{scale * found.seconds:.1f}",
            f"{found.per_node * scale:.0f}",
            f"{found.bytes_down / 1e6:.1f}",
            f"{found.bytes_up / 1e6:.1f}",
            f"{mean_steps(found.messages)[1]['total']:.2f}",
        )
    console.print(table)
    bases = {found.title: found.per_candidate for name, found in measured.items() if name.startswith("a")}
    if "a" in measured:
        bases["a, had it evaluated the last round only"] = thrifty(measured["a"], rounds)
    for name, wanted in WANTED.items():
        for title, base in bases.items():
            if name in measured:
                goal = f" (wanted: {wanted:g})" if title == TITLES["a"] else ""
                console.print(f"{name} is {base / measured[name].per_candidate:.1f} times as fast as {title}{goal}")
    same = [name for name in measured if name not in ("c", "d")]
    for spec in sorted(set.intersection(*(set(measured[name].accuracy) for name in same))) if len(same) > 1 else ():
        scores = ", ".join(f"{name} {measured[name].accuracy[spec]:.4f}" for name in same)
        console.print(f"validation accuracy of the same candidate {spec}: {scores}")
    if "b" in measured:
        console.print(f"b took {measured['b'].per_node} messages a node (wanted: at most rounds + 2 = {rounds + 2})")


def show_steps(measured: dict[str, Measured], console: Console) -> None:
    """Print where the time of a training message goes, on the clock and on the CPU of its process."""
    table = Table(title="One training message, mean")
    table.add_column("")
    columns: list[dict[str, float]] = []
    for name, found in measured.items():
        clock, cpu = mean_steps(message for message in found.messages if message.kind.startswith("train"))
        for column in (clock, cpu):
            column["other"] = column["total"] - sum(column.get(step, 0.0) for step in STEPS)
        columns += [clock, cpu]
        table.add_column(f"{name}, s", justify="right")
        table.add_column("CPU s", justify="right", style="dim")
    for step, title in {**STEPS, "other": "other", "total": "in all"}.items():
        table.add_row(title, *("" if step not in column else f"{column[step]:.3f}" for column in columns))
    console.print(table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="6 candidates, 2 rounds, batches of 3, a sample of 1")
    parser.add_argument("--sample", type=int, default=2, help="candidates that (a) trains")
    parser.add_argument("--only", default="a,a2,b,c", help="which of a, a2, b, c, d; a2 is (a) with our training loop")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="keep logs, run folders and traces there")
    parser.add_argument("--set", action="append", default=[], help="an override of (b) to (d)")
    parser.add_argument("--env", action="append", default=[], help="NAME=VALUE for all processes")
    arguments = parser.parse_args()
    trials, rounds, sample, batch = (6, 2, 1, 3) if arguments.quick else (20, 3, arguments.sample, 4)
    common = [*overrides(trials, arguments.seed), *arguments.set]
    alone = ["fidelity=full", f"fidelity.max_rounds={rounds}"]
    shared = ["weights=supernet", f"weights.rounds={rounds}", f"weights.paths={trials}", "weights.sampling=uniform"]
    shared += ["fidelity=one_shot", "search.start=[]"]
    at_once = ["controller=random", f"search.concurrency={trials}", *common]
    config, _ = without_foreign_options(compose_config(["federation=deployment", *at_once, *alone]))
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder or Path(name)
        (folder / "trace").mkdir(parents=True)
        environment = {
            "PYTHONPATH": f"{BENCHMARKS / 'tracing'}:{ROOT}",
            "TRACE_FOLDER": str(folder / "trace"),
            "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "1",  # Flower's default
            **dict(item.split("=", 1) for item in arguments.env),
        }
        measured: dict[str, Measured] = {}
        with Federation(folder, environment=environment) as federation:
            for index, path in enumerate(give_data(folder)):
                federation.node(f"node-{index}", data=str(path))
            for way in arguments.only.split(","):
                began = time.monotonic()
                if way == "b":
                    measured[way] = measure_ours(federation, way, "b, all at once", [*at_once, *alone])
                elif way == "d":
                    measured[way] = measure_ours(federation, way, "d, a supernet", [*at_once, *shared])
                elif way == "c":
                    options = ["controller=evolution", f"search.concurrency={batch}", *common, *alone]
                    options.append(f"controller.population_size={2 * batch}")
                    measured[way] = measure_ours(federation, way, f"c, evolution in batches of {batch}", options)
                else:
                    loop = "plain" if way == "a" else "ours"
                    measured[way] = measure_stock(federation, TITLES[way], config, sample, loop)
                print(f"({way} took {time.monotonic() - began:.0f} s)", file=sys.stderr)
    console = Console(width=130)
    show(measured, trials, rounds, console)
    show_steps(measured, console)


if __name__ == "__main__":
    main()
