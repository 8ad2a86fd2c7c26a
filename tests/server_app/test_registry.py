import sys
from importlib import import_module

import pytest

from common.errors import ConfigError
from server_app.controllers.base import Controller
from server_app.controllers.hill_climb import HillClimb
from server_app.registry import AXES, choices, load_choice, option_names
from server_app.spaces.base import SearchSpace


@pytest.mark.parametrize(
    ("axis", "some"),
    [
        ("space", {"layered"}),
        ("controller", {"random", "hill_climb", "evolution"}),
        ("fidelity", {"full", "successive_halving"}),
        ("weights", {"scratch"}),
        ("objective", {"accuracy", "balanced_accuracy", "macro_f1", "auroc", "loss"}),
        ("placement", {"shared", "split"}),
        ("aggregation", {"fedavg"}),
        ("tracker", {"none", "tensorboard", "mlflow", "wandb"}),
    ],
)
def test_finds_the_choices_of_each_axis(axis, some):
    found = choices(axis)
    assert some <= set(found)
    assert found == sorted(found)
    assert "base" not in found


def test_helpers_are_no_choices():
    assert not {"spec", "cost", "space", "task"} & set(choices("space"))


@pytest.mark.parametrize("axis", AXES)
def test_each_choice_is_the_class_of_its_module(axis):
    _, home, base = AXES[axis]
    for name in choices(axis):
        cls = load_choice(axis, name)
        assert issubclass(cls, getattr(import_module(home), base))
        assert cls.__module__.endswith(f".{name}")
        assert cls.__name__.removesuffix("Space").removesuffix("Tracker").lower() == name.replace("_", "")


def test_loads_by_name():
    assert load_choice("controller", "hill_climb") is HillClimb
    assert issubclass(load_choice("space", "layered"), SearchSpace)


@pytest.mark.parametrize("name", ["simulated_annealing", "base", "", "..app", "random.Random", "Random"])
def test_an_unknown_name_lists_the_choices(name):
    with pytest.raises(ConfigError, match=r"controller must be one of \[.*'evolution', 'hill_climb'.*'random'.*\]"):
        load_choice("controller", name)


def test_a_class_of_another_package_is_named_as_python_does():
    found = load_choice("space", "tests.examples.pyramid:PyramidSpace")
    assert issubclass(found, SearchSpace)
    assert found.__module__ == "tests.examples.pyramid"
    assert option_names("space", "tests.examples.pyramid:PyramidSpace") >= {"depths", "widths", "kernels"}


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "nowhere.spaces:Mine",
            r"on PYTHONPATH \(No module named 'nowhere'\), got 'nowhere.spaces:Mine'. Correct it; pyth",
        ),
        ("tests.examples.pyramid:Pyramid", r"has no attribute 'Pyramid'\), got 'tests.examples.pyramid:Pyramid'"),
        (":Mine", r"space.name must be package.module:Class, .* \(Empty module name\)"),
        ("math:pi", r"derives from server_app.spaces.base.SearchSpace and has all its methods, got 'math:pi'"),
        (
            "server_app.spaces.base:SearchSpace",
            r"and has all its methods, got .* Write _check_membership, _child, _enumerate",
        ),
        ("server_app.controllers.random:Random", r"Derive it from SearchSpace"),
    ],
)
def test_what_is_no_class_for_the_axis_is_told(name, sentence):
    with pytest.raises(ConfigError, match=sentence):
        load_choice("space", name)


def test_a_module_that_cannot_be_imported_says_why(tmp_path, monkeypatch):
    (tmp_path / "broken_space.py").write_text("raise RuntimeError('the licence has run out')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError, match="the licence has run out"):
        load_choice("space", "broken_space:Mine")


def test_a_class_without_options_is_told(tmp_path, monkeypatch):
    (tmp_path / "bare_space.py").write_text(
        "from tests.examples.pyramid import PyramidSpace\nclass Mine(PyramidSpace):\n    Options = None\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError, match="its options as a dataclass, Options, got 'bare_space:Mine'"):
        load_choice("space", "bare_space:Mine")


def test_an_unknown_axis_lists_the_axes():
    with pytest.raises(ConfigError, match="fidelity"):
        choices("controllers")


@pytest.fixture
def extended(tmp_path, monkeypatch):
    """Let `server_app.controllers` hold modules of this test as well; returns a writer of them."""
    package = import_module("server_app.controllers")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    yield lambda name, text: (tmp_path / f"{name}.py").write_text(text)
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(f"server_app.controllers.{path.stem}", None)
        vars(package).pop(path.stem, None)


HEAD = """
from server_app.controllers.base import Controller, Suggestion
from server_app.controllers.random import Random
"""
MINE = """
class Mine(Controller):
    def suggest(self, rng):
        return Suggestion(self.space.sample(rng), "sample")
"""


def test_a_new_module_is_a_choice(extended):
    extended("mine", HEAD + MINE + "class _Private(Mine):\n    pass\n")
    assert "mine" in choices("controller")
    assert issubclass(load_choice("controller", "mine"), Controller)


def test_two_classes_in_a_module_are_one_too_many(extended):
    extended("twice", HEAD + MINE + "class Yours(Mine):\n    pass\n")
    with pytest.raises(ConfigError, match=r"one Controller, got \['Mine', 'Yours'\]"):
        load_choice("controller", "twice")


def test_a_module_that_only_imports_or_extends_the_contract_is_none(extended):
    extended("helpers", HEAD + "class Half(Controller):\n    pass\n")
    assert "helpers" not in choices("controller")
