"""A node imports the head that its message or its data name, and no other."""

import subprocess
import sys

import pytest

from common import tasks
from common.tasks import HEADS, classification, regression


def heads_after(code):
    """Return the modules of heads that a new process has imported once it has run `code`."""
    modules = [f"common.tasks.{name}" for name in HEADS]
    told = f"import sys\n{code}\nprint(*(name for name in {modules} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_the_client_comes_without_a_head():
    assert heads_after("import client_app.app") == []


@pytest.mark.parametrize(("dataset", "head"), [("digits", "classification"), ("diabetes", "regression")])
def test_a_node_imports_the_head_of_its_data(dataset, head):
    code = (
        "import client_app.app\n"
        "from common.data import Holder, load_node_data\n"
        "from common.settings import DatasetSettings\n"
        f"load_node_data(DatasetSettings({dataset!r}), Holder(0, 2), 0)"
    )
    assert heads_after(code) == [f"common.tasks.{head}"]


def test_heads_are_there_by_name():
    assert tasks.Classification is classification.Classification
    assert tasks.MOST_CLASSES == classification.MOST_CLASSES
    assert tasks.Regression is regression.Regression
    with pytest.raises(AttributeError, match=r"common\.tasks.*Ranking"):
        _ = tasks.Ranking
