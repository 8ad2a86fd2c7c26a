"""Four hospitals' raw files by one schema: nobody edits a file, and everything that is in them is counted."""

import csv
from pathlib import Path

import numpy as np
import pytest

from client_app.node import node_of, report
from common.config import CONF
from common.data import load_node_data, load_node_test
from common.data.formats import Reading
from common.data.local import LocalOptions, read_local
from common.preprocessing.expand import expansion_of
from common.settings import DatasetSettings, PreprocessingSettings
from common.tasks import Classification

HOSPITALS = {"cleveland": 303, "hungarian": 294, "switzerland": 123, "long_beach": 200}
NUMBERS = ("trestbps", "chol", "thalach", "oldpeak", "ca")
CATEGORIES = ("cp", "restecg", "slope", "thal")


@pytest.fixture
def heart(shared_data: Path) -> Path:
    if not (shared_data / "heart").is_dir():
        pytest.skip("the heart data are not here")
    return shared_data / "heart"


@pytest.fixture
def schema() -> str:
    return str(CONF / "deployment" / "schemas" / "heart.yaml")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.shared_data
@pytest.mark.parametrize("hospital", HOSPITALS)
def test_a_hospitals_file_is_read_as_it_is(heart: Path, schema: str, hospital: str) -> None:
    path = heart / f"{hospital}.csv"
    rows = rows_of(path)
    pool = read_local(str(path), LocalOptions.of(Reading(schema=schema)), own=True)
    assert pool.task.schema is not None
    place = {name: at for at, name in enumerate(expansion_of(pool.task.schema).names)}
    assert len(rows) == len(pool.y) == HOSPITALS[hospital]
    assert pool.task.head == Classification(2, ("no", "yes"))
    assert pool.y.tolist() == [int(row["disease"] == "yes") for row in rows]
    assert pool.test is not None
    assert pool.test.tolist() == [row["split"] == "test" for row in rows]
    for name in NUMBERS:
        unknown = [not row[name] or (name in ("trestbps", "chol") and float(row[name]) == 0) for row in rows]
        assert np.isnan(pool.x[:, place[name]]).tolist() == unknown
        assert pool.x[:, place[f"{name} is missing"]].tolist() == unknown
        known = [float(row[name]) for row, gap in zip(rows, unknown, strict=True) if not gap]
        assert pool.x[:, place[name]][~np.array(unknown)].tolist() == np.array(known, np.float32).tolist()
    for name in CATEGORIES:
        values = {key.removeprefix(f"{name} = "): at for key, at in place.items() if key.startswith(f"{name} = ")}
        for value, at in values.items():
            assert pool.x[:, at].sum() == sum(row[name] == value for row in rows)
    assert not np.isnan(np.delete(pool.x, [place[name] for name in (*NUMBERS, "fbs", "exang")], axis=1)).any()


@pytest.mark.shared_data
def test_cholesterol_of_zero_is_unknown_at_switzerland(heart: Path, schema: str) -> None:
    assert {float(row["chol"]) for row in rows_of(heart / "switzerland.csv")} == {0.0}
    told = report(
        node_of({"name": "switzerland", "data": str(heart / "switzerland.csv"), "schema": schema}),
        DatasetSettings(),
        PreprocessingSettings(),
        0,
        counts=True,
    )
    assert told.schema is not None
    expansion = expansion_of(told.schema)
    fitted = [expansion.names[at] for at in expansion.fitted]
    counts = dict(zip(fitted, told.sums["moments"].values["count"], strict=True))
    assert counts["chol"] == counts["ca"] == 0  # nobody's, and that of fewer than ten
    assert counts["age"] == told.num_train
    healthy = sum(row["disease"] == "no" and row["split"] == "train" for row in rows_of(heart / "switzerland.csv"))
    assert healthy < 10
    assert told.counts[0] == 0  # few are healthy, and how few stays there


@pytest.mark.shared_data
def test_four_hospitals_have_the_test_rows_that_flamby_has(heart: Path, schema: str) -> None:
    found = {}
    for hospital, rows in HOSPITALS.items():
        node = node_of({"name": hospital, "data": str(heart / f"{hospital}.csv"), "schema": schema})
        data = load_node_data(DatasetSettings(), node.holder, 0)
        test = load_node_test(DatasetSettings(), node.holder, 0)
        assert test is not None
        assert data.num_test == len(test)
        found[hospital] = len(test)
        assert len(data.train) + len(data.validation) + len(test) == rows
    assert found == {"cleveland": 104, "hungarian": 89, "switzerland": 16, "long_beach": 45}
