"""What placement=capability is worth on a deployment where nodes differ, against placement=shared.

    python tests/benchmarks/capability.py [--fidelity successive_halving] [--trials 16] [--rounds 9] [--times 10]
        [--quick] [--folder FOLDER] [--set OVERRIDE ...]

A SuperLink and four SuperNodes as processes, over TLS, with keys, and with order=arrival. One node is ten times slower
than the others: a control group gives it a tenth of the CPU that each of them has (a quota, for a lower priority slows
nobody down while a core is free). Another one takes on half the memory (max-memory-mb). The same candidates are
searched three times:

    capability   on all four nodes
    shared       on all four nodes: only what the small node can hold is tried
    without      on all but the slow node, with capability, for the ranks

A score counts from two nodes: of what the small one cannot hold, the slow one would else be asked for each score.

Printed are the trials that ended in a minute, from the beginning of the search to the last of them, and Spearman's rho
of the ranks with those of the run without the slow node, over the candidates that both have scored. Wanted are twice as
many trials, and a rho above 0.8. Figures only; nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr

from common.architecture.spec import ArchitectureSpec
from common.config import compose_config
from common.limits import needs_of
from common.seeding import generator
from common.tasks import Classification, Task
from server_app.build import build_space, without_foreign_options
from server_app.spaces.recipes import RecipeSpace
from tests.benchmarks.deployment import give_data
from tests.support.federation import Federation, Run
from tests.support.quota import NoQuota, Quota, quota

TASK = Task((1, 8, 8), Classification(10))
SLOW, SMALL = "node-3", "node-2"
LIMIT = 7200.0
WAYS = ("capability", "shared", "without")
ENDED = ("finished", "stopped")


@dataclass
class Measured:
    """What came of one search.

    Parameters
    ----------
    trials : int
        That ended.
    seconds : float
        From the beginning of the search to the end of the last of them.
    ranking : list of str
        Ids of what was scored, best first.
    slow : tuple of int
        Rounds of training of the slow node, and of all others together; as the journal has them.
    told : list of str
        Lines on nodes that are not as fast as they said.
    """

    trials: int
    seconds: float
    ranking: list[str]
    slow: tuple[int, int]
    told: list[str]

    @property
    def per_minute(self) -> float:
        """Trials in a minute."""
        return 60 * self.trials / self.seconds


def candidates(overrides: list[str], trials: int) -> tuple[list[ArchitectureSpec], int]:
    """Draw so many networks; return them, and the MiB of memory that suffice for all, with inputs that are scaled."""
    composed = compose_config(["federation=deployment", "training=adam", "space.max_macs=1000000", *overrides])
    config, _ = without_foreign_options(composed)
    space, recipe = build_space(config, TASK), RecipeSpace.of(config.training, TASK).largest
    rng, found = generator(config.seed, "candidates"), dict[ArchitectureSpec, int]()
    while len(found) < trials:
        spec = space.sample(rng)
        found[spec] = needs_of(spec, TASK, recipe).memory_mb
    return list(found), max(found.values()) * 11 // 10 + 8


def write_space(folder: Path, specs: list[ArchitectureSpec]) -> None:
    """Write a choice of ``space`` that is these candidates."""
    (folder / "space").mkdir(parents=True)
    values = {"name": "listed", "specs": [spec.to_dict() for spec in specs]}
    (folder / "space" / "candidates.yaml").write_text(json.dumps(values), encoding="utf-8")  # JSON is YAML


def measured(run: Run) -> Measured:
    """Read what a search left."""
    events = run.events
    began = next(event["time"] for event in events if event["event"] == "search")
    ended = [event["time"] for event in events if event["event"] in ENDED and event["trial"].startswith("trial-")]
    assert ended, run.output
    history = json.loads((run.folder / "history.json").read_text(encoding="utf-8"))
    rounds = [node for e in events if e["event"] == "round" and e["trial"].startswith("trial-") for node in e["nodes"]]
    slow = rounds.count(SLOW)
    told = [f"{e['node']} said {e['said']:.3g}, true is {e['true']:.3g}" for e in events if e["event"] == "speed"]
    ranking = [row["spec_id"] for row in history if row["score"] is not None]
    return Measured(len(ended), max(ended) - began, ranking, (slow, len(rounds) - slow), told)


def rho(one: list[str], other: list[str]) -> tuple[float, int]:
    """Return Spearman's rho of two rankings over what both have, and how many that are."""
    both = sorted(set(one) & set(other))
    if len(both) < 3:
        return float("nan"), len(both)
    return float(spearmanr([one.index(name) for name in both], [other.index(name) for name in both]).statistic), len(
        both
    )


def search(folder: Path, way: str, overrides: list[str], memory: int, slowed: Quota | None) -> Measured:
    """Start a deployment, search on it, and end it."""
    with Federation(folder / way) as federation:
        for index, path in enumerate(give_data(folder / way)):
            name = f"node-{index}"
            if name == SLOW and slowed is None:
                continue
            node = federation.node(name, data=str(path), max_memory_mb=memory // 2 if name == SMALL else memory)
            if name == SLOW and slowed is not None:
                slowed.put(node.process.pid)
            assert node.joined(), node.output
            if name == SLOW and slowed is not None:
                slowed.put(node.process.pid)  # what it has started before it was put there
        nodes = 4 - (slowed is None)
        placement = "shared" if way == "shared" else "capability"
        run = federation.search(f"placement={placement}", f"federation.nodes={nodes}", *overrides, limit=LIMIT)
        return measured(run)


def show(found: dict[str, Measured], console: Console) -> None:
    """Print what was wanted, and what came of it."""
    table = Table(title="One of four nodes is slow, and another one small")
    for column in ("", "trials", "s", "trials a minute", "rounds of the slow node", "of the others", "rho", "over"):
        table.add_column(column, justify="right" if column else "left")
    for way, one in found.items():
        ranks = rho(one.ranking, found["without"].ranking) if "without" in found and way != "without" else None
        table.add_row(
            way,
            str(one.trials),
            f"{one.seconds:.0f}",
            f"{one.per_minute:.2f}",
            *map(str, one.slow),
            "" if ranks is None else f"{ranks[0]:+.2f}",
            "" if ranks is None else str(ranks[1]),
        )
    console.print(table)
    if {"capability", "shared"} <= set(found):
        ratio = found["capability"].per_minute / found["shared"].per_minute
        console.print(f"capability ends {ratio:.1f} times as many trials in a minute as shared (wanted: 2)")
    for way, one in found.items():
        for line in one.told:
            console.print(f"{way}: {line}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fidelity", default="successive_halving", help="a choice of fidelity")
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=9, help="of a trial that goes all the way")
    parser.add_argument("--times", type=float, default=10.0, help="how many times slower the slow node is")
    parser.add_argument("--quick", action="store_true", help="6 trials, 3 rounds")
    parser.add_argument("--only", default=",".join(WAYS), help=f"which of {','.join(WAYS)}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="keep logs and run folders there")
    parser.add_argument("--set", action="append", default=[], help="an override of all searches")
    arguments = parser.parse_args()
    trials, rounds = (6, 3) if arguments.quick else (arguments.trials, arguments.rounds)
    specs, memory = candidates([f"seed={arguments.seed}", *arguments.set], trials)
    cores = min(1.0, len(os.sched_getaffinity(0)) / 4) / arguments.times  # four nodes share what there is
    found: dict[str, Measured] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder or Path(name)
        write_space(folder / "conf", specs)
        overrides = ["--config-dir", str(folder / "conf"), "space=candidates", "dataset=local", "training=adam"]
        overrides += ["controller=random", f"search.trials={trials}", "search.start=[]", f"seed={arguments.seed}"]
        overrides += [f"fidelity={arguments.fidelity}", f"fidelity.max_rounds={rounds}", "federation.order=arrival"]
        overrides += ["final.rounds=1", "final.finalists=1", "final.seeds=1", "scoring.min_nodes=2"]
        overrides += ["federation.patience=300"]  # the slow node takes long to say who it is
        overrides += arguments.set
        try:
            with quota(f"flwr-nas-slow-{os.getpid()}", cores) as slow:
                for way in arguments.only.split(","):
                    began = time.monotonic()
                    found[way] = search(folder, way, overrides, memory, None if way == "without" else slow)
                    took = time.monotonic() - began
                    print(f"({way} took {took:.0f} s; the slow node waited {slow.throttled():.0f} s)", file=sys.stderr)
        except NoQuota as reason:
            sys.exit(str(reason))
    small = sum(
        needs_of(spec, TASK, RecipeSpace.of(compose_config(["training=adam"]).training, TASK).largest).memory_mb
        > memory // 2
        for spec in specs
    )
    console = Console(width=130)
    console.print(f"{len(specs)} candidates, of which {small} need more than half of the memory of the largest")
    show(found, console)


if __name__ == "__main__":
    main()
