"""Models of the nodes' own on Flower's simulation engine, where nodes hold few classes each."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch

from common.models.export import load_model
from common.personal import WAYS
from tests.integration.conftest import ROOT

pytestmark = pytest.mark.simulation

UNEVEN = ("dataset.partition=dirichlet", "dataset.alpha=0.1", "federation.nodes=5", "search.trials=2", "final.rounds=6")
NODES = [f"partition-{part}" for part in range(5)]


@pytest.fixture(scope="module")
def uneven(search, tmp_path_factory):
    """A search whose nodes make models of their own, and keep them in its folder."""
    folder = tmp_path_factory.mktemp("uneven") / "run"
    return search(folder, *UNEVEN, "personal.method=mix", "personal.keep=true", "personal.epochs=5")


def test_each_node_keeps_what_is_best_on_its_own_validation_and_it_stays_there(uneven):
    assert uneven.process.returncode == 0, uneven.output
    result, found = uneven.result, uneven.result["personal"]
    assert sorted(found["by_node"]) == NODES
    assert (found["left_out"], found["failure"], sum(found["kept"].values())) == ({}, "", 5)
    metric = result["task"]["head"]["goes_by"]
    for verdict in found["by_node"].values():
        assert list(verdict["validation"]) == list(verdict["test"]) == list(WAYS)
        ranks = {way: (scores[metric], -scores["loss"]) for way, scores in verdict["validation"].items()}
        assert ranks[verdict["kept"]] == max(ranks.values())
    validation = found["validation"]
    assert all(validation["kept"][metric] >= validation[way][metric] for way in WAYS), "it is chosen by that"
    assert validation["kept"][metric] > validation["common"][metric], "a node of few classes needs no others"
    assert {"accuracy", "balanced_accuracy", "loss", f"{metric}_worst_decile"} <= set(found["test"]["kept"])
    # what the nodes were sent is the winner, and what came back has no weights
    assert result["bytes"]["personal"] == 5 * result["winner"]["message_bytes"]
    for name in NODES:
        folder = uneven.folder / "personal" / name
        assert load_model(folder)(torch.zeros(3, 1, 8, 8)).shape == (3, 10)
        assert json.loads((folder / "spec.json").read_text())["metadata"]["kept"] == found["by_node"][name]["kept"]
    order = [event["event"] for event in uneven.events]
    assert order.index("final") < order.index("personal") < order.index("personalized") < order.index("end")
    words = " ".join(uneven.output.split())
    assert "The winner on 5 nodes, each for itself" in words
    assert "By their own validation examples, of 5 nodes keep:" in words
    assert "cost of the nodes' own models:" in words


@pytest.mark.thorough
def test_a_finished_run_is_personalized_in_another_way_without_another_search(uneven):
    assert uneven.process.returncode == 0, uneven.output
    command = [sys.executable, "-m", "server_app.cli", "personalize", str(uneven.folder), "--method", "head"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((uneven.folder / "personalize" / "personal.json").read_text())
    assert (found["personal"]["method"], sorted(found["personal"]["by_node"])) == ("head", NODES)
    before = uneven.result["personal"]
    assert found["personal"]["test"]["common"] == pytest.approx(before["test"]["common"]), "the same, on the same"
    assert "The winner on 5 nodes, each for itself" in done.stdout
