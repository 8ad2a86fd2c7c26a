"""Runs of MLflow, as its client reads them."""

from __future__ import annotations

import pytest
from mlflow import MlflowClient

from tests.support.tracked import mlflow

pytestmark = pytest.mark.filterwarnings("default")  # of the database's library


def runs(uri, experiment="flwr-nas"):
    client = MlflowClient(uri)
    return client, client.search_runs([client.get_experiment_by_name(experiment).experiment_id])


@pytest.mark.parametrize(
    ("status", "theirs"),
    [
        ("finished", "FINISHED"),
        pytest.param("failed", "FAILED", marks=pytest.mark.thorough),
        pytest.param("stopped", "KILLED", marks=pytest.mark.thorough),
    ],
)
def test_a_run_has_its_configuration_its_files_and_its_end(tracked, status, theirs):
    tracked("mlflow").finish(status, tracked.files)
    client, (run,) = runs(f"sqlite:///{tracked.folder / 'mlflow.db'}")
    assert (run.info.run_name, run.info.status) == ("tiny", theirs)
    assert run.data.params == {"search.trials": "3", "space.width": "[8, 16]", "control": "None"}
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["best", "result.json"]
    assert [file.path for file in client.list_artifacts(run.info.run_id, "best")] == ["best/spec.json"]
    assert len(list((tracked.folder / "mlflow-files").rglob("spec.json"))) == 1


def test_one_that_goes_on_runs_again(tracked):
    tracked("mlflow").finish("stopped", ())
    again = tracked("mlflow", step=5)
    _, (run,) = runs(f"sqlite:///{tracked.folder / 'mlflow.db'}")
    assert run.info.status == "RUNNING"
    again.finish("finished", ())


def test_a_step_that_it_has_is_left_out(tracked):
    first = tracked("mlflow")
    for step in (1, 5, 9):
        first.scalars(step, {"trial/loss": 0.5})
    again = tracked("mlflow", step=5)
    for step in (7, 9, 11):
        again.scalars(step, {"trial/loss": 0.25})
    assert mlflow(tracked.folder) == {"trial/loss": [(1, 0.5), (5, 0.5), (9, 0.5), (11, 0.25)]}


def test_several_runs_may_share_a_database(tracked, tmp_path):
    uri = f"sqlite:///{tmp_path / 'all.db'}"
    client = MlflowClient(uri)
    client.create_run(client.create_experiment("site", (tmp_path / "files").as_uri()))
    tracked("mlflow", uri=uri, experiment="site").finish("finished", tracked.files)
    assert len(runs(uri, "site")[1]) == 2
    assert not (tracked.folder / "mlflow.db").exists()


def test_options_beyond_what_it_takes_at_once(tracked):
    tracker = tracked("mlflow")
    tracker._parameters({f"option-{n}": "x" * 7000 for n in range(250)})
    _, (run,) = runs(f"sqlite:///{tracked.folder / 'mlflow.db'}")
    assert len(run.data.params) == 253
    assert run.data.params["option-249"] == "x" * 6000
