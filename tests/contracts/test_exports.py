"""What every format of an exported model must hold: written, and run where this project cannot be imported."""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from common.architecture.graph import Graph
from common.architecture.initial import initial_weights
from common.architecture.kinds.constant import ConstantSpec
from common.seeding import generator
from common.tasks import Classification, Multilabel, Regression, Task
from server_app.cli.export import _ABOUT
from server_app.export.base import Format
from server_app.export.trained import Trained
from server_app.registry import choices, load_choice
from tests.support.graphs import everything
from tests.support.kinds import CASES, TASKS, space_of

FORMATS = choices("format")
EXTENTS = {"sequence": (20,), "image": (10, 8), "labels": (20,)}
HEADS = {
    "sequence": Classification(3, ("a", 'b"', "c\\")),
    "image": Regression((100.0, 0.0, -3.0), (20.0, 0.5, 1.0)),
    "labels": Multilabel(3, ("a", "b", "c")),
}
SPACES = [case for case in CASES if case[0].partition(",")[0] in ("layered", "cell", "mobile")]
QUICK = ("python", "safetensors")
CLOSE = {"rtol": 1e-5, "atol": 1e-5}

ALONE = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("common", "server_app", "client_app", "flwr", "hydra"):
            raise ImportError(f"{name} must not be needed")
sys.meta_path.insert(0, Refuse())
sys.path[:] = [place for place in sys.path if place]
sys.path.insert(0, ".")
import numpy as np
every = np.load("x.npy")
found = []
for place in range(len(every)):
    x = every[place : place + 1]
    exec(open("usage.py").read())
    found.append(np.asarray(OUTPUTS))
np.save("y.npy", np.concatenate(found))
"""


@dataclass(frozen=True)
class Given(Trained):
    """A model whose graph is given, as no spec lowers to it."""

    graph: Graph


def model_of(data):
    graph = everything(EXTENTS[data])
    weights = initial_weights(graph, generator(0)) + 0.05 * generator(1).random(1, np.float32)
    return Given("winner of a test", ConstantSpec(), Task(graph.input_shape, HEADS[data]), weights, graph)


def form_of(name) -> Format:
    form = load_choice("format", name)()
    for package in form.needs:
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    return form


def test_the_formats_are_those_that_the_help_names():
    assert FORMATS == ["executorch", "onnx", "python", "safetensors", "torch_export"]
    assert all(f"\n  {name} " in _ABOUT for name in FORMATS)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        pytest.param(name, data, marks=() if name != "executorch" or data == "image" else pytest.mark.thorough)
        for name in FORMATS
        for data in EXTENTS
    ],
)
@pytest.mark.filterwarnings("ignore")  # of the libraries themselves
def test_it_answers_as_the_model_does_here_and_where_this_project_is_not(name, data, tmp_path):
    form, model = form_of(name), model_of(data)
    form.write(model, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(form.files)
    told = b"".join((tmp_path / file).read_bytes() for file in form.files)
    assert b"site-packages" not in told
    assert tempfile.gettempdir().encode() not in told  # nothing is said of this machine
    x = model.drawn(4)
    wanted = model.outputs_of(x)
    assert np.abs(wanted - wanted[:1]).max() > 0.01  # it looks at what it gets
    np.testing.assert_allclose(form.runner(tmp_path)(x), wanted, **CLOSE)
    np.save(tmp_path / "x.npy", x)
    (tmp_path / "usage.py").write_text(form.usage(model))
    code = ALONE.replace("OUTPUTS", model.outputs)
    subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, check=True, env={}, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), wanted, **CLOSE)


@pytest.mark.parametrize(
    ("name", "case"),
    [
        pytest.param(
            name,
            case,
            id=f"{name}-{' on '.join(case)}",
            marks=() if name in QUICK or case == ("mobile", "image") else pytest.mark.thorough,
        )
        for name in FORMATS
        for case in SPACES
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_a_network_of_each_space_answers_in_each_format_as_here(name, case, tmp_path):
    form = form_of(name)
    task, rng = TASKS[case[1]], generator(0, "winner", *case)
    spec = space_of(*case).sample(rng)
    graph = spec.lower(task)
    drawn = initial_weights(graph, rng)
    weights = drawn + 0.05 * rng.random(drawn.shape, np.float32)  # no bias, and no running variance, stays what it was
    model = Trained("winner of a test", spec, task, weights)
    form.write(model, tmp_path)
    x = model.drawn(4)
    np.testing.assert_allclose(form.runner(tmp_path)(x), model.outputs_of(x), **CLOSE)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.filterwarnings("ignore")
def test_numbers_of_eight_bits(name, tmp_path):
    form, model = form_of(name), model_of("image")
    if not form.int8:
        pytest.skip(f"{name} has none")
    x = model.drawn(16)
    form.write_int8(model, tmp_path, x)
    found, wanted = form.runner(tmp_path)(x), model.outputs_of(x)
    assert 0 < np.abs(found - wanted).max() < 0.2 * np.abs(wanted - wanted.mean(0)).max() + 0.1 * wanted.std()


def test_what_stands_in_the_files_that_say_what_they_hold(tmp_path):
    from safetensors import safe_open

    model = model_of("sequence")
    form_of("safetensors").write(model, tmp_path)
    with safe_open(Path(tmp_path) / "model.safetensors", "np") as file:
        told = file.metadata()
    assert told["id"] == model.spec.id
    assert json.loads(told["task"]) == model.task.to_record()
