"""Small searches by evolution in spaces other than the default one, and in one of them a random search as well."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from common.architecture.spec import ArchitectureSpec
from common.config import read_portfolio
from common.models.export import load_model
from common.tasks import Classification, Task
from server_app.registry import load_choice

pytestmark = pytest.mark.simulation

EXAMPLES = Path(__file__).parents[1] / "examples"
SMALL = (
    "controller=evolution",
    "search.start=portfolio",
    "final.baseline=portfolio",
    "search.trials=3",
    "fidelity.max_rounds=1",
    "final.rounds=1",
    "federation.nodes=2",
    "controller.population_size=2",
    "controller.sample_size=2",
)
IMAGE, SEQUENCE = (1, 8, 8), (2, 16)
OTHER_KINDS = {
    "darts": ("cell", IMAGE, ("space.cells=[3]", "space.channels=[4]", "control=random")),
    "nasbench201": ("cell", SEQUENCE, ("space.form=nasbench201", "space.cells=[3]", "space.channels=[4]")),
    "mobile": ("mobile", SEQUENCE, ("space.last_width=[0]",)),
}


@pytest.fixture(scope="module")
def options_of(tmp_path_factory):
    """What makes a search one on inputs of a shape: digits, or 60 sequences of two classes."""
    file = tmp_path_factory.mktemp("data") / "sequences.npz"
    y = np.arange(60) % 2
    x = np.random.default_rng(0).normal(size=(60, *SEQUENCE)) + y[:, None, None]
    np.savez(file, x=x.astype(np.float32), y=y)
    return {IMAGE: ("dataset=digits",), SEQUENCE: ("dataset=local", f"dataset.path={file}")}


def check(run, shape):
    """Say that a search ended with a model that answers."""
    assert run.process.returncode == 0, run.output
    assert (run.result["status"], run.result["task"]["input_shape"]) == ("finished", list(shape))
    assert torch.isfinite(load_model(run.folder / "best")(torch.zeros(2, *shape))).all()


def check_control(run, shape):
    """Say that its control ended likewise."""
    control = json.loads((run.folder / "control" / "result.json").read_text())
    assert control["status"] == "finished"
    assert control["counts"]["states"]["finished"] >= 1
    assert control["winner"]["spec"]["kind"] == run.result["winner"]["spec"]["kind"]
    assert torch.isfinite(load_model(run.folder / "control" / "best")(torch.zeros(2, *shape))).all()


@pytest.mark.parametrize(
    ("kind", "shape", "options"),
    [
        pytest.param(*each, id=name, marks=() if name == "mobile" else pytest.mark.thorough)
        for name, each in OTHER_KINDS.items()
    ],
)
def test_a_search_ends_with_a_model_beside_the_first_of_the_portfolio(
    search, tmp_path, options_of, kind, shape, options
):
    run = search(tmp_path / "run", f"space={kind}", *SMALL, *options_of[shape], *options)
    check(run, shape)
    if "control=random" in options:
        check_control(run, shape)
    assert [trial["spec"]["kind"] for trial in run.history] == [kind] * 3
    assert "mutation" in {trial["origin"] for trial in run.history}
    (begun,) = run.kinds("search")
    assert set(begun["left_out"]) == set(read_portfolio("image" if shape == IMAGE else "sequence"))
    assert set(begun["left_out"].values()) == {f"The space holds {kind} specs, got 'layered'. Choose another space."}
    assert run.output.count("left out of the portfolio") == 1
    assert run.result["winner"]["spec"]["kind"] == kind
    assert (run.result["baseline"]["spec"]["kind"], run.result["baseline"]["origin"]) == ("layered", "portfolio")
    assert "first of the portfolio, of which the search tried nothing" in " ".join(run.output.split())


@pytest.mark.parametrize(
    ("space", "name"),
    [
        ("space=examples/residual", "own"),
        pytest.param("space=pyramid", "tests.examples.pyramid:PyramidSpace", marks=pytest.mark.thorough),
    ],
)
def test_a_search_in_a_space_of_ones_own_evolves_and_ends_with_a_model(search, tmp_path, space, name):
    few = ("search.start=[]", "search.trials=5", "final.finalists=1", "final.seeds=1")
    run = search(tmp_path / "run", "--config-dir", str(EXAMPLES), space, *SMALL, *few)
    assert run.process.returncode == 0, run.output
    config = yaml.safe_load((run.folder / "config.yaml").read_text())["space"]
    assert config.pop("name") == name
    cls = load_choice("space", name)
    held = cls(Task((1, 8, 8), Classification(10)), cls.Options(**config))
    specs = [ArchitectureSpec.from_dict(trial["spec"]) for trial in run.history]
    assert len(specs) == 5
    for spec in specs:
        held.check(spec)
    assert {trial["origin"] for trial in run.history} == {"sample", "mutation"}
    assert torch.isfinite(load_model(run.folder / "best")(torch.zeros(2, 1, 8, 8))).all()
