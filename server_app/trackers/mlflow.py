"""MLflow: a run of an experiment, in a database in the run folder or wherever a URI leads."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from server_app.trackers.base import TrackedRun, Tracker

DATABASE = "mlflow.db"
"""In a run folder."""
_RUN, _STEP = "flwr_nas.run", "flwr_nas.step"
"""Tags: which run of ours it is, and the last step that it has."""
_STATUS = {"finished": "FINISHED", "failed": "FAILED", "stopped": "KILLED"}
_BATCH = 100
"""Parameters that MLflow takes at once."""
_LONGEST = 6000
"""Letters that it takes of one."""


class MLflow(Tracker):
    """Writes metrics, parameters and files of one run of MLflow, which it finds again by a tag.

    MLflow takes nothing back. So a step that it has already is left out when a run goes on: its numbers are the same,
    unless trials are observed in the order of arrival.
    """

    needs = ("mlflow", "sqlalchemy", "alembic")
    extra = "mlflow"

    @dataclass(frozen=True)
    class Options:
        """Where it goes.

        Parameters
        ----------
        uri : str, optional
            A tracking URI; None is a database in the run folder.
        experiment : str
            Name of the experiment, which is made where there is none.
        """

        uri: str | None = None
        experiment: str = "flwr-nas"

    def __init__(self, run: TrackedRun, options: Options) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # it would tell its makers how it is used
        from mlflow import MlflowClient

        for noisy in ("mlflow.store.db.utils", "alembic"):  # each step of making a database
            logging.getLogger(noisy).setLevel(logging.WARNING)
        self._folder = run.folder
        uri = options.uri or f"sqlite:///{run.folder.absolute() / DATABASE}"
        self._client = MlflowClient(uri)
        experiment = _experiment(self._client, options.experiment, uri)
        found = self._client.search_runs([experiment], f"tags.`{_RUN}` = '{run.id}'", max_results=1)
        if found:
            self._id = found[0].info.run_id
            self._has = int(found[0].data.tags.get(_STEP, -1))
            self._client.update_run(self._id, "RUNNING")
        else:
            self._id = self._client.create_run(experiment, tags={_RUN: run.id}, run_name=run.name).info.run_id
            self._has = -1
            self._parameters(run.options)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Take the numbers of one step; see `Tracker.scalars`."""
        from mlflow.entities import Metric, RunTag

        if step > self._has:
            now = int(1000 * time.time())
            metrics = [Metric(name, value, now, step) for name, value in values.items()]
            self._client.log_batch(self._id, metrics, tags=[RunTag(_STEP, str(step))])
            self._has = step

    def finish(self, status: str, files: Sequence[Path]) -> None:
        """Add the files, and end the run."""
        for path in files:
            place = path.relative_to(self._folder).parent
            self._client.log_artifact(self._id, str(path), None if place == Path() else place.as_posix())
        self._client.set_terminated(self._id, _STATUS[status])

    def _parameters(self, options: Mapping[str, object]) -> None:
        from mlflow.entities import Param

        told = [Param(name, str(value)[:_LONGEST]) for name, value in options.items()]
        for first in range(0, len(told), _BATCH):
            self._client.log_batch(self._id, params=told[first : first + _BATCH])


def _experiment(client: object, name: str, uri: str) -> str:
    """Return the id of an experiment, a new one where there is none."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    assert isinstance(client, MlflowClient)
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return client.create_experiment(name, _place_of_files(uri))
        except MlflowException:  # another run was faster
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return str(found.experiment_id)


def _place_of_files(uri: str) -> str | None:
    """Return where files go: beside a database on this machine, else where the server of MLflow wants them."""
    path = uri.removeprefix("sqlite:///")
    return None if path == uri else (Path(path).absolute().parent / "mlflow-files").as_uri()
