"""What every tracker must hold: run for each choice that the registry finds, and for the example of one's own.

Nothing is mocked: each writes with its library, and what it wrote is read back with that.
"""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from server_app.registry import choices, load_choice
from server_app.trackers.base import TrackedRun, Tracker
from tests.support.tracked import READERS

ROOT = Path(__file__).parents[2]
NAMES = [name for name in choices("tracker") if name != "none"] + ["tests.examples.table:Table"]
OPTIONS = {"search.trials": 3, "control": None, "space.width": "[8, 16]", "personal.keep": False, "confidence": 0.5}
STEPS = {3: {"trial/accuracy": 0.25, "cost/mac_examples": 12e6}, 8: {"trial/accuracy": 0.5}, 9: {"best/accuracy": 0.5}}
SERIES = {"trial/accuracy": [(3, 0.25), (8, 0.5)], "cost/mac_examples": [(3, 12e6)], "best/accuracy": [(9, 0.5)]}

pytestmark = pytest.mark.filterwarnings("default")  # of other people's libraries


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "best").mkdir()
    for name in ("result.json", "best/spec.json"):
        (tmp_path / name).write_text("{}")
    return tmp_path


def make(name, folder, step=1):
    cls = load_choice("tracker", name)
    return cls(TrackedRun("0123456789abcdef", "tiny", folder, OPTIONS, step), cls.Options())


def feed(tracker, steps, status="finished", files=()):
    for step, values in steps.items():
        tracker.scalars(step, values)
    tracker.finish(status, files)


def in_thread(work):
    """Call it in a thread, as a run does."""
    raised = []

    def guarded():
        try:
            work()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()
    thread.join(120)
    assert not thread.is_alive()
    if raised:
        raise raised[0]


def test_each_tracker_can_be_read_back_here():
    assert set(NAMES) == set(READERS)


@pytest.mark.parametrize("name", NAMES)
def test_what_was_told_is_there(name, folder):
    in_thread(lambda: feed(make(name, folder), STEPS))
    assert READERS[name](folder) == SERIES


@pytest.mark.parametrize("name", NAMES)
def test_one_that_goes_on_has_one_series_and_each_step_once(name, folder):
    """The first part was killed after step 9, and the journal cut before step 8."""
    in_thread(lambda: feed(make(name, folder), STEPS, "stopped"))
    again = {8: STEPS[8], 9: STEPS[9], 12: {"best/accuracy": 0.75}}
    in_thread(lambda: feed(make(name, folder, step=8), again))
    assert READERS[name](folder) == SERIES | {"best/accuracy": [(9, 0.5), (12, 0.75)]}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "status",
    [
        pytest.param("finished", marks=pytest.mark.thorough),
        "failed",
        pytest.param("stopped", marks=pytest.mark.thorough),
    ],
)
def test_any_end_is_taken_with_all_files(name, status, folder):
    files = [folder / "result.json", folder / "best" / "spec.json"]
    feed(make(name, folder), {1: {"trial/loss": 0.125}}, status, files)
    assert READERS[name](folder) == {"trial/loss": [(1, 0.125)]}


@pytest.mark.parametrize("name", NAMES)
def test_all_is_in_the_run_folder(name, folder, monkeypatch, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)
    feed(make(name, folder), STEPS)
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("name", ["none", *NAMES])
def test_a_tracker_imports_nothing_before_it_is_made(name):
    code = (
        "import sys; from server_app.registry import load_choice; "
        f"cls = load_choice('tracker', {name!r}); cls.Options(); cls.check_installed(); "
        "print(*({'mlflow', 'wandb', 'tensorboard', 'sqlalchemy', 'alembic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_readme_has_the_example():
    code = (ROOT / "tests" / "examples" / "table.py").read_text().partition("from __future__ import annotations\n\n")[2]
    assert f"```python\n{code}```" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_needs(name):
    cls = load_choice("tracker", name)
    assert issubclass(cls, Tracker)
    assert bool(cls.needs) == bool(cls.extra)
    if cls.extra:
        assert f"\n{cls.extra} = [" in (ROOT / "pyproject.toml").read_text()
