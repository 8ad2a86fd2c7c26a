"""Faults of a real deployment: processes that die, links that break, nodes that lie. The search ends all the same.

One search has them all, for each start of a federation costs many seconds; each test looks at one of them. In round 1
all but ``near`` and ``far`` are of no use for one reason or another, so its trials wait for the deadline; meanwhile
the killed node comes back, and is there for the final training.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from server_app.deployment.certificates import make_node_key
from tests.support.federation import Federation, Node, Run, wait_for
from tests.support.links import Link
from tests.support.project import copy_project

pytestmark = [
    pytest.mark.deployment,
    pytest.mark.thorough,
    pytest.mark.timeout(600),
]  # who is silent takes a whole deadline, thrice

DEADLINE = 60
PARTS = 9
SETTINGS = (
    "dataset=synthetic",
    "controller=random",
    "fidelity=full",
    "fidelity.max_rounds=1",
    "search.trials=4",
    "search.concurrency=4",
    "final.rounds=3",
    "final.finalists=1",
    "final.seeds=1",
    "final.checkpoints=1",
    "search.start=[]",
    "final.baseline={version: 1, kind: layered, layers: [{op: linear, width: 5}]}",
    "space.operations=[linear]",
    "space.max_layers=1",
    "space.width=[1000,2000,3000,4000]",
    "federation.nodes=7",
    f"federation.deadline={DEADLINE}",
)
TRIALS = [f"trial-000{number}" for number in range(4)]

# The real ClientApp, with the fault that the node config names. What happens only once leaves a mark in a file.
FAULTY = """
import math
import os
import signal
import time
from pathlib import Path

import numpy as np
from flwr.app import Array, ArrayRecord, Message
from flwr.clientapp import ClientApp

from client_app.honest import app as honest
from common.wire.arrays import pack

app = ClientApp()
HUGE = 10_000_000


@app.query()
def query(message, context):
    return honest(message, context)


@app.train()
def train(message, context):
    sleep_once(context.node_config)
    reply = honest(message, context)
    if "lies" in context.node_config:
        arrays = reply.content["arrays"]
        metrics = reply.content["metrics"]
        for index, trial in enumerate(trials_of(message, reply)):
            weights = f"{index}/weights"
            if trial == "trial-0000":
                arrays[weights] = pack(np.full(arrays[weights].shape, math.nan, np.float32))
            if trial == "trial-0001":
                arrays[weights] = pack(np.zeros(3, np.float32))
            if trial == "trial-0002":
                arrays[weights] = pack(np.random.default_rng(0).random(HUGE, np.float32))
            if trial == "trial-0003":
                metrics["num-examples"] = [*metrics["num-examples"][:index], -5, *metrics["num-examples"][index + 1 :]]
    return reply


@app.evaluate()
def score(message, context):
    reply = honest(message, context)
    trials = trials_of(message, reply)
    if "lies" in context.node_config and "trial-0000" in trials:
        key = f"{trials.index('trial-0000')}/weights"
        reply.content["arrays"] = ArrayRecord({key: Array("poem", (-1,), "numpy.ndarray", b"roses are red")})
    return reply


def trials_of(message, reply):
    order = message.content["order"]
    trial_of = dict(zip(order["job"], order["trial"]))
    return [trial_of[job] for job in reply.content["results"]["job"]]


def sleep_once(config):
    mark = Path(config.get("mark", "/"))
    if not mark.exists():
        mark.touch()
        if "starves" in config:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(config["sleep"])
"""


@dataclass
class Story:
    """What happened, and who was in it.

    Parameters
    ----------
    uploaded : int
        Bytes that had come from the node with the narrow uplink when round 1 of all trials was over.
    """

    federation: Federation
    run: Run
    nodes: dict[str, Node]
    uploaded: int

    def reasons(self, kind: str, node: str, trial: str) -> list[str]:
        """Why a node was left out of a trial, or what it sent refused."""
        return [e["reason"] for e in self.run.kinds(kind) if (e["node"], e["trial"]) == (node, trial)]

    def rounds(self, label: str) -> list[set[str]]:
        """Whose updates count, round by round, in the trials with this label."""
        return [set(event["nodes"]) for event in self.run.kinds("round") if event["trial"].startswith(label)]


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults")
    project = copy_project(folder / "project", FAULTY)
    with (
        Federation(folder / "federation", project) as federation,
        Link(federation.port) as shaky,
        Link(federation.port, upload=5_000) as narrow,
    ):
        yield tell(federation, shaky, narrow, folder)


def tell(federation: Federation, shaky: Link, narrow: Link, folder: Path) -> Story:
    def node(part, name, **options):
        return federation.node(name, partition_id=part, num_partitions=PARTS, **options)

    def marked(name, sleep):
        return {"sleep": sleep, "mark": str(folder / f"{name}-trains")}

    nodes = {
        "near": node(0, "near"),
        "far": node(1, "far", address=shaky.address, **marked("far", 4)),
        "liar": node(2, "liar", lies=True),
        "slow": node(3, "slow", **marked("slow", 600)),
        "narrow": node(4, "narrow", address=narrow.address),
        "mortal": node(5, "mortal", **marked("mortal", 600)),
        "starved": node(8, "starved", starves=True, **marked("starved", 0)),
        "stranger": node(6, "stranger", register=False),
    }
    with federation.superlink() as superlink:
        superlink.register_node(make_node_key(federation.folder / "near").public)
    run = federation.start_search(*SETTINGS)
    wait_for((folder / "far-trains").exists, "the far node's first job")
    shaky.cut()
    cut = time.monotonic()
    nodes["late"] = node(7, "late")
    wait_for((folder / "mortal-trains").exists, "the mortal node's first job")
    nodes["mortal"].kill()
    time.sleep(max(0, cut + 10 - time.monotonic()))
    shaky.mend()
    with ThreadPoolExecutor(1) as manager:
        back = manager.submit(nodes["mortal"].keep_alive)
        run.wait_for("round", len(TRIALS))
        uploaded = narrow.uploaded
        nodes["mortal"] = back.result()
    run.ended(500)
    return Story(federation, run, nodes, uploaded)


def test_the_search_ends_with_a_result(story):
    assert story.run.process.returncode == 0, story.run.output
    assert "Traceback" not in story.run.output
    assert story.run.events[-1]["status"] == story.run.result["status"] == "finished"
    assert [len(story.run.kinds(kind)) for kind in ("scored", "finished", "failed")] == [8, 8, 0]


def test_the_run_ends_on_the_superlink_though_a_reply_is_still_coming(story):
    with story.federation.superlink() as superlink:
        outcome = wait_for(lambda: superlink.ending(story.run.number), "the end of the run on the SuperLink")
    assert outcome[0] == "completed"


def test_only_honest_updates_count(story):
    assert story.rounds("trial") == [{"near", "far"}] * 4
    assert all(nodes <= {"near", "far", "liar", "late", "mortal", "starved"} for nodes in story.rounds("final"))
    (tested,) = [event for event in story.run.kinds("scored") if event["trial"] == "final-0000"]
    assert story.run.result["winner"]["test"]["nodes"] == tested["metrics"]["nodes"] >= 2


@pytest.mark.parametrize(
    ("trial", "reason"),
    [("trial-0000", "finite"), ("trial-0001", "shape"), ("trial-0002", "shape"), ("trial-0003", "at least 1 example")],
)
def test_an_update_of_nan_another_shape_huge_or_of_no_examples_is_refused(story, trial, reason):
    (said,) = story.reasons("refused", "liar", trial)
    assert reason in said


@pytest.mark.parametrize("trial", TRIALS)
def test_a_reply_that_cannot_be_read_is_refused(story, trial):
    assert any("poem" in reason for reason in story.reasons("absent", "liar", trial))


def test_a_node_killed_in_a_round_is_left_out_and_comes_back(story):
    for trial in TRIALS:
        assert story.reasons("absent", "mortal", trial)
    assert any("mortal" in nodes for nodes in story.rounds("final"))


def test_a_node_whose_client_is_killed_for_want_of_memory_takes_part_again(story):
    for trial in TRIALS:
        assert story.reasons("absent", "starved", trial)
    assert any("starved" in nodes for nodes in story.rounds("final"))


def test_a_node_that_joins_late_takes_part(story):
    began = next(index for index, event in enumerate(story.run.events) if event["event"] == "search")
    assert "late" in [event.get("node") for event in story.run.events[began:] if event["event"] == "node"]
    assert any("late" in nodes for nodes in story.rounds("final"))


def test_a_slow_node_costs_one_deadline(story):
    begun = {event["trial"]: event["time"] for event in story.run.kinds("proposed")}
    for trial in TRIALS:
        reasons = story.reasons("absent", "slow", trial)
        assert reasons[0] == f"no answer within {DEADLINE} s"
        assert set(reasons[1:]) == {"still busy with an earlier message"}  # of the score, and of its second try
    for event in story.run.kinds("round"):
        if event["trial"] in TRIALS:
            assert event["time"] - begun[event["trial"]] < 1.5 * DEADLINE


def test_a_link_that_was_cut_costs_nothing(story):
    assert story.nodes["far"].said("Connection attempt failed")
    assert not [event for event in story.run.events if event["event"] == "absent" and event["node"] == "far"]


def test_a_reply_that_takes_minutes_to_arrive_holds_up_nobody(story):
    assert story.nodes["narrow"].output.count("Sending: train message") == 1
    assert story.uploaded < 1_000_000  # of the 1.7 MB of its four updates
    for trial in TRIALS:
        assert story.reasons("absent", "narrow", trial)[0] == f"no answer within {DEADLINE} s"


def test_a_key_that_is_registered_twice_is_as_good_as_another(story):
    assert all("near" in nodes for nodes in story.rounds("trial"))


def test_a_node_whose_key_nobody_registered_is_refused_and_says_so(story):
    stranger = story.nodes["stranger"]
    wait_for(lambda: stranger.process.poll() is not None, "the end of the refused node")
    assert stranger.process.returncode != 0
    assert "Failed to activate SuperNode" in stranger.output
    assert all(event["node"] != "stranger" for event in story.run.kinds("node"))
