"""On a deployed node every message starts a process, which pays for every import."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
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
OURS = {"client_app", "common"}
STARTUP = {
    # torch, numpy, flwr, and what these import: cffi and OpenSSL's bindings are cryptography's, google is protobuf
    *("torch", "torchgen", "typing_extensions", "numpy", "flwr", "click", "cryptography", "_cffi_backend", "_openssl"),
    *("Crypto", "google", "grpc", "grpc_health", "httpx", "idna", "iterators", "pygments", "rich", "shellingham"),
    "typer",
    # of the installation, not of a package: Cython's and setuptools' hooks; tqdm where it happens to be installed;
    # cuda where torch is a CUDA build: that of 2.15 imports CUDA's bindings
    *("cython_runtime", "_distutils_hack", "tqdm", "cuda"),
}
"""All top-level packages besides Python's and ours that a start-up may import; a new one costs every message."""

PROGRAM = """
import json, sys, tempfile
from dataclasses import replace
from pathlib import Path
import flwr.app, flwr.clientapp, numpy, torch
stages = [set(sys.modules)]

import client_app.app
stages.append(set(sys.modules))

from client_app.jobs import do_jobs
from client_app.node import Node
from common.architecture.initial import initial_weights
from common.architecture.kinds.layers import Conv1d, Linear
from common.architecture.kinds.layered import LayeredSpec
from common.tasks import Classification, Task
from common.data import Holder
from common.jobs import Job, Order, Work
from common.seeding import generator
from common.settings import DatasetSettings, PersonalSettings, TrainingSettings
task, spec = Task((32,), Classification(10)), LayeredSpec((Linear(8, dropout=0.1), Linear(8, norm="batch")))
weights = initial_weights(spec.lower(task), generator(0))
for optimizer in ("adam", "sgd"):
    recipe = TrainingSettings(optimizer, proximal_mu=0.1)
    works = [Work("train" if split == "train" else "score", split, 1, recipe) for split in ("train", "all", "test")]
    jobs = tuple(Job(work.split, "trial", spec, {"weights": weights}, work) for work in works)
    order = Order(0, 60.0, task, DatasetSettings("synthetic"), jobs)
    assert [result.status for result in do_jobs(order, Node("n", Holder(0, 2)))] == ["done"] * 3
modules = set(sys.modules)
proxies = Job("proxy", "trial", spec, {}, Work("proxy", "train", 0))
assert [result.status for result in do_jobs(replace(order, jobs=(proxies,)), Node("n", Holder(0, 2)))] == ["done"]
assert {"client_app.proxies", "common.models.proxies"}.isdisjoint(modules)
with tempfile.TemporaryDirectory() as folder:
    work = Work("personal", "train", 1, personal=PersonalSettings("mix", 1, checkpoints=(1,)))
    own = Job("personal", "trial", spec, {"weights": weights}, work)
    node = Node("n", Holder(0, 2), personal_dir=Path(folder))
    assert [result.status for result in do_jobs(replace(order, jobs=(own,)), node)] == ["done"]
    assert sorted(path.name for path in Path(folder).iterdir()) == ["model.safetensors", "spec.json"]
assert {"client_app.personal", "common.personal", "common.models.export"}.isdisjoint(modules)
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


def packages(modules: set[str]) -> set[str]:
    names = {name.partition(".")[0] for name in modules} - set(sys.stdlib_module_names)
    # _sysconfigdata_... is Python's own, under a name that says for which platform it was built
    return {name for name in names if not name.startswith(("__", "_cython_", "_sysconfigdata_"))}


def distribution(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def with_dependencies(names: list[str]) -> set[str]:
    """Return these distributions and all that they require, extras left out."""
    found: set[str] = set()
    queue = [distribution(name) for name in names]
    while queue:
        name = queue.pop()
        try:
            required = requires(name) or []
        except PackageNotFoundError:  # of another platform
            continue
        wanted = [re.match(r"[\w.-]+", line)[0] for line in required if "extra ==" not in line]
        queue += [other for line in wanted if (other := distribution(line)) not in found]
        found.add(name)
    return found


def declared(extra: str | None) -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = project["dependencies"] if extra is None else project["optional-dependencies"][extra]
    return [re.match(r"[\w.-]+", line)[0] for line in lines]


def test_start_up_imports_torch_numpy_flwr_their_dependencies_and_us(stages: list[set[str]]):
    found = packages(stages[1])
    assert found - OURS - STARTUP == set()
    assert found >= {"torch", "numpy", "flwr", *OURS}


def test_nothing_of_the_servers_extra_is_imported_but_what_flower_needs_itself(stages: list[set[str]]):
    node = with_dependencies(declared(None))
    assert {"torch", "numpy", "flwr"} <= node
    server_only = {distribution(name) for name in declared("server")} - node
    assert {"hydra-core", "omegaconf", "scikit-learn", "psutil", "safetensors"} <= server_only
    owners = packages_distributions()
    found = {distribution(owner) for name in packages(stages[2]) for owner in owners.get(name, ())}
    assert found & server_only == set()


def test_jobs_import_nothing_more_of_torch_nor_of_anyone_else(stages: list[set[str]]):
    _, ready, done = stages
    families = {name.partition(".")[0] for name in done - ready if not name.startswith("_")}
    assert families - set(sys.stdlib_module_names) <= OURS | {"numpy"}


def test_what_plain_recipes_do_not_ask_for_stays_out(stages: list[set[str]]):
    rare = {"client_app.augmentation", "common.recipes", "client_app.bilevel", "client_app.architecture_gradient"}
    mixed = {"common.models.mixing", "common.architecture.operations.mixing", "common.architecture.kinds.mixed"}
    assert (rare | mixed) & stages[2] == set()


def test_what_is_heavy_stays_out(stages: list[set[str]]):
    assert sorted(set(UNWANTED) & stages[2]) == []
