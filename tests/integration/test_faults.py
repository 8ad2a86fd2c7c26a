"""Nodes that misbehave, through real Flower: each is left out with its reason, and the search ends."""

from __future__ import annotations

import pytest

from tests.support.project import client_that, replace_client

pytestmark = pytest.mark.simulation

# A ClientApp around the real one; which fault a node has depends on its partition.
FAULTY = """
import math
import time

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from client_app.honest import app as honest
from common.wire.arrays import pack

app = ClientApp()


@app.query()
def query(message, context):
    reply = honest(message, context)
    if context.node_config["partition-id"] == 5:
        reply.content["header"]["digest"] = "another digest"
    return reply


@app.train()
@app.evaluate()
def work(message, context):
    partition = context.node_config["partition-id"]
    if partition == 0:
        raise RuntimeError("the sensor is unplugged")
    reply = honest(message, context)
    content = reply.content
    updates = content.array_records.get("arrays", {})
    if partition == 1:  # other shapes
        content["arrays"] = ArrayRecord({key: pack(np.zeros(3, np.float32)) for key in updates})
    if partition == 2:  # NaN
        content["arrays"] = ArrayRecord(
            {key: pack(np.full(array.shape, math.nan, np.float32)) for key, array in updates.items()}
        )
        content["metrics"]["accuracy"] = [math.inf for _ in content["results"]["job"]]
    if partition == 3:  # jobs that nobody asked for
        content["results"]["job"] = [f"job-{index}" for index, _ in enumerate(content["results"]["job"])]
    if partition == 4:  # nonsense
        content = RecordDict({"header": content["header"], "poem": ConfigRecord({"roses": "red"})})
    return Message(content, reply_to=message)
"""

LATE = client_that("""
    if context.node_config["partition-id"] == 0:
        time.sleep(6)
""")

TIRED = client_that("""
    if message.content["order"]["trial"][0].startswith("final"):
        raise RuntimeError("the battery is empty")
""")

# What partition-2 may hold is what a node of a deployment says in its node config.
TINY = """
from flwr.clientapp import ClientApp

from client_app.honest import app as honest

app = ClientApp()


@app.query()
@app.train()
@app.evaluate()
def work(message, context):
    if context.node_config["partition-id"] == 2:
        context.node_config["max-params"] = 20
    return honest(message, context)
"""


@pytest.mark.thorough
def test_a_full_disk_is_named_and_the_search_goes_on(search, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "journal.jsonl").symlink_to("/dev/full")
    run = search(folder)
    assert run.process.returncode == 1
    assert "journal.jsonl" in run.output
    assert "Free some space" in run.output
    assert "Traceback" not in run.output
    assert run.result["status"] == "finished"
    assert "No space left" in (folder / "flower.log").read_text()


def test_only_honest_replies_count(project, search, tmp_path):
    replace_client(project, FAULTY)
    run = search(tmp_path / "run", "federation.nodes=8", "scoring.min_nodes=3", root=project)  # fewer than half do
    assert run.process.returncode == 0, run.output
    (stranger,) = run.kinds("node_refused")
    assert "same digest" in stranger["reason"]
    honest = ["partition-6", "partition-7"]
    assert all(event["nodes"] == honest for event in run.kinds("round"))
    # partition-1 spoils its updates only: its scores count
    assert all(trial["metrics"]["nodes"] == len(honest) + 1 for trial in run.history)
    reasons = {}
    for event in run.kinds("refused") + run.kinds("absent"):
        reasons.setdefault(event["node"], []).append(event["reason"])
    for node, words in {
        "partition-0": "the sensor is unplugged",
        "partition-1": "shape",
        "partition-2": "finite",
        "partition-3": "job-0",
        "partition-4": "must hold the record",
    }.items():
        assert any(words in reason for reason in reasons[node]), (node, reasons[node])
    assert run.result["winner"]["test"]["nodes"] == len(honest) + 1


@pytest.mark.thorough
def test_a_late_node_is_not_waited_for(project, search, tmp_path):
    replace_client(project, LATE)
    run = search(tmp_path / "run", "federation.deadline=3", root=project)
    assert run.process.returncode == 0, run.output
    late = [event for event in run.kinds("absent") if event["node"] == "partition-0"]
    assert any("no answer within 3 s" in event["reason"] for event in late)
    assert any("still busy" in event["reason"] for event in late)
    assert all("partition-1" in event["nodes"] for event in run.kinds("round"))


@pytest.mark.thorough
def test_a_final_training_that_fails_fails_the_command_and_keeps_a_model(project, search, tmp_path):
    replace_client(project, TIRED)
    run = search(tmp_path / "run", root=project)
    assert run.process.returncode == 1
    assert "The final training of the winner failed" in run.output
    assert "best/ keeps the winner as the search left it." in run.output
    assert "Traceback" not in run.output
    assert (run.result["status"], run.result["model"]) == ("failed", {"stage": "search", "rounds": 2})
    assert (run.folder / "best" / "model.safetensors").is_file()


def test_every_node_failing_is_said_in_one_sentence(project, search, tmp_path):
    replace_client(project, FAULTY.replace("partition == 0", "partition >= 0").replace("== 5", "== -1"))
    run = search(tmp_path / "run", root=project)
    assert run.process.returncode == 1
    assert "every trial failed" in run.output
    assert "the sensor is unplugged" in run.output
    assert "Traceback" not in run.output
    assert run.events[-1]["status"] == "failed"
    assert {trial["state"] for trial in run.history} == {"failed"}


def test_a_node_whose_limits_allow_nothing_is_left_out_and_the_others_find_a_model(project, search, tmp_path):
    replace_client(project, TINY)
    run = search(tmp_path / "run", "search.trials=2", root=project)
    assert run.process.returncode == 0, run.output
    (refused,) = run.kinds("node_refused")
    said = "limits must allow something of the space, but the node takes 20 parameters at most (max-params)"
    assert (refused["node"], said in refused["reason"]) == ("partition-2", True)
    assert "Node partition-2 is left out: A node's limits must allow something" in run.output
    others = ["partition-0", "partition-1", "partition-3"]
    assert run.kinds("search")[0]["nodes"] == others
    assert all(event["nodes"] == others for event in run.kinds("round"))
    assert not run.kinds("absent") + run.kinds("refused")
    assert {trial["state"] for trial in run.history} == {"finished"}
    assert run.result["winner"]["test"]["nodes"] == len(others)
