"""On a deployed node every message starts a process, which pays for every import."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNWANTED = (
    "hydra",
    "omegaconf",
    "sklearn",
    "scipy",
    "psutil",
    "server_app",
    "common.config",
    "torch._dynamo",
    "sympy",
    "safetensors",
)
PROGRAM = """
import json, sys
import flwr.app, flwr.clientapp, numpy, torch
stages = [set(sys.modules)]

import client_app.app
stages.append(set(sys.modules))

from client_app.jobs import do_jobs
from client_app.node import Node
from common.architecture.initial import initial_weights
from common.architecture.operations import Conv1d, Linear
from common.architecture.spec import ArchitectureSpec
from common.architecture.task import TaskShape
from common.data import Holder
from common.jobs import Job, Order
from common.seeding import generator
from common.settings import DatasetSettings, TrainingSettings
task, spec = TaskShape((32,), 10), ArchitectureSpec((Linear(8, dropout=0.1), Linear(8, norm="batch")))
weights = initial_weights(spec, task, generator(0))
for optimizer in ("adam", "sgd"):
    jobs = tuple(Job(action, action, 1, spec, weights) for action in ("train", "score", "test"))
    order = Order(0, 60.0, task, DatasetSettings("synthetic"), TrainingSettings(optimizer, proximal_mu=0.1), jobs)
    assert [result.status for result in do_jobs(order, Node("n", Holder(0, 2)))] == ["done"] * 3
stages.append(set(sys.modules))
print(json.dumps([sorted(stage) for stage in stages]))
"""


@pytest.fixture(scope="module")
def stages() -> list[set[str]]:
    """The modules loaded before us, with client_app.app, and after all kinds of job."""
    run = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return [set(stage) for stage in json.loads(run.stdout)]


def test_the_client_app_itself_imports_nothing_but_us(stages: list[set[str]]):
    before, ready, _ = stages
    assert {name.partition(".")[0] for name in ready - before} == {"client_app", "common"}


def test_jobs_import_nothing_more_of_torch_nor_of_anyone_else(stages: list[set[str]]):
    _, ready, done = stages
    families = {name.partition(".")[0] for name in done - ready if not name.startswith("_")}
    assert families - set(sys.stdlib_module_names) <= {"common", "numpy"}


def test_what_is_heavy_stays_out(stages: list[set[str]]):
    assert sorted(set(UNWANTED) & stages[2]) == []
