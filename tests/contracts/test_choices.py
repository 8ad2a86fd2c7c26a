"""Every choice has its YAML and every YAML its choice, with the same options and defaults."""

from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from common.typed import typed
from server_app.registry import choices, load_choice

CONF = Path(__file__).parents[2] / "conf"
AXES = ("controller", "fidelity", "placement", "weights", "objective", "tracker")
FILES = [path for axis in AXES for path in sorted((CONF / axis).glob("*.yaml"))]


@pytest.mark.parametrize("axis", AXES)
def test_each_choice_has_a_file(axis):
    assert [path.stem for path in FILES if path.parent.name == axis] == choices(axis)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_file_names_its_module_and_all_options_with_their_defaults(path):
    values = yaml.safe_load(path.read_text())
    assert values.pop("name") == path.stem
    options = load_choice(path.parent.name, path.stem).Options
    assert set(values) == {field.name for field in fields(options)}
    assert typed(options, values, path.stem) == options()


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_file_explains_itself(path):
    head, *rest = path.read_text().splitlines()
    assert head.startswith("# ")
    assert all("#" in line for line in rest if not line.startswith("name:"))
