"""A search on a real SuperLink and real SuperNodes, over TLS and with keys, each node with its own file."""

from __future__ import annotations

import numpy as np
import pytest

from common.seeding import generator
from server_app.launcher import INTERRUPTED
from tests.support.federation import Federation, wait_for

pytestmark = pytest.mark.deployment

SETTINGS = (
    "dataset=local",
    "controller=random",
    "fidelity=full",
    "fidelity.max_rounds=1",
    "search.trials=2",
    "search.concurrency=2",
    "final.rounds=1",
    "final.finalists=1",
    "final.seeds=1",
    "final.checkpoints=1",
    "search.start=[]",
    "final.baseline={version: 1, kind: layered, layers: [{op: linear, width: 5}]}",
    "space.operations=[linear]",
    "space.max_layers=1",
    "space.width=[8,16]",
    "federation.nodes=2",
)
NODES = ("attic", "cellar")

# What a node's installation lacks: flwr[server] and all that only our server needs. Pydantic comes with flwr.
NODE_INSTALLATION = """
import importlib.abc
import sys

MISSING = {"hydra", "omegaconf", "ray", "sklearn", "scipy", "safetensors", "psutil", "pandas", "pyarrow", "PIL"}


class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in MISSING:
            raise ModuleNotFoundError(f"No module named {name!r} on a node", name=name)


sys.meta_path.insert(0, Missing())
with open(__file__ + ".processes", "a") as processes:
    print(*sys.orig_argv, file=processes)
"""


def save_data(path, seed):
    rng = generator(seed, "node")
    y = np.arange(90) % 3
    x = rng.normal(0, 0.5, (len(y), 4)).astype(np.float32)
    x[np.arange(len(y)), y] += 2
    np.savez(path, x=x, y=y)


@pytest.fixture(scope="module")
def node_site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("node-site")
    (folder / "sitecustomize.py").write_text(NODE_INSTALLATION)
    return folder


@pytest.fixture(scope="module")
def federation(node_site, tmp_path_factory):
    folder = tmp_path_factory.mktemp("deployment")
    with Federation(folder / "federation") as running:
        for number, name in enumerate(NODES):
            save_data(folder / f"{name}.npz", number)
            running.node(name, data=str(folder / f"{name}.npz"), environment={"PYTHONPATH": str(node_site)})
        yield running


@pytest.fixture(scope="module")
def run(federation):
    return federation.search(*SETTINGS)


def test_a_search_ends_with_a_result(run):
    assert run.process.returncode == 0, run.output
    assert "Traceback" not in run.output
    result = run.result
    assert result["status"] == "finished"
    assert result["counts"]["nodes"] == len(NODES)
    assert result["winner"]["test"]["nodes"] == result["baseline"]["test"]["nodes"] == 2
    assert (run.folder / "best" / "model.safetensors").is_file()


def test_all_nodes_train_and_score_every_trial(run):
    models = 2 + 4  # of the search and of the final training, each with one round
    assert [event["nodes"] for event in run.kinds("round")] == [list(NODES)] * models
    assert [event["metrics"]["nodes"] for event in run.kinds("scored")] == [2] * models
    assert not run.kinds("absent") + run.kinds("refused") + run.kinds("node_refused")


def test_nodes_need_nothing_that_only_the_server_has(run, node_site):
    processes = (node_site / "sitecustomize.py.processes").read_text().splitlines()
    apps = [process for process in processes if "flwr-clientapp" in process]
    assert len(apps) == run.result["counts"]["messages"]


def test_the_run_is_over_on_the_superlink(federation, run):
    with federation.superlink() as superlink:
        assert wait_for(lambda: superlink.ending(run.number), "the end of the run")[0] == "completed"


def test_ctrl_c_ends_the_run_on_the_superlink(federation, run):
    endless = federation.start_search(*SETTINGS, "search.trials=100000", name="endless")
    endless.wait_for("proposed")
    endless.interrupt()
    assert endless.ended() == INTERRUPTED
    with federation.superlink() as superlink:
        wait_for(lambda: superlink.ending(endless.number), "the end of the run")
    assert endless.events[-1]["status"] == "stopped"
