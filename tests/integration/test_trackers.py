"""Real simulations with a tracker: the numbers are there, and all else is as without one."""

from __future__ import annotations

import pytest

from tests.support.tracked import READERS

pytestmark = [pytest.mark.simulation, pytest.mark.filterwarnings("default")]  # of other people's libraries


@pytest.mark.parametrize(
    "name",
    [
        "tensorboard",
        pytest.param("mlflow", marks=pytest.mark.thorough),
        pytest.param("wandb", marks=pytest.mark.thorough),
    ],
)
def test_a_search_is_tracked(name, honest, search, tmp_path):
    run = search(tmp_path / "run", f"tracker={name}")
    assert run.process.returncode == 0, run.output
    assert run.history == honest.history
    assert [event["event"] for event in run.events] == [event["event"] for event in honest.events]
    series = READERS[name](run.folder)
    assert [value for _, value in series["trial/accuracy"]] == pytest.approx(
        [event["values"]["accuracy"] for event in run.kinds("scored") if event["trial"].startswith("trial")]
    )
    ((_, test),) = series["test/winner/accuracy"]
    assert test == pytest.approx(run.result["winner"]["test"]["accuracy"])
    cost = [value for _, value in series["cost/mac_examples"]]
    assert cost[-1] == pytest.approx(sum(run.result["mac_examples"].values()))
