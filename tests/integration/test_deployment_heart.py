"""Four hospitals in four processes, each with its raw file as it is and the schema that all share."""

from __future__ import annotations

import csv

import pytest

from common.config import CONF
from tests.support.federation import Federation

pytestmark = [pytest.mark.deployment, pytest.mark.shared_data, pytest.mark.thorough]

HOSPITALS = ("cleveland", "hungarian", "long_beach", "switzerland")
SETTINGS = (
    "controller=random",
    "fidelity=full",
    "fidelity.max_rounds=1",
    "search.trials=2",
    "search.concurrency=2",
    "final.rounds=2",
    "final.finalists=1",
    "final.seeds=1",
    "final.checkpoints=1",
    "training.class_weights=balanced",
    "federation.nodes=4",
)


def rows_of(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_hospitals_join_with_their_raw_files(shared_data, tmp_path):
    folder = shared_data / "heart"
    if not folder.is_dir():
        pytest.skip("the heart data are not here")
    schema = CONF / "deployment" / "schemas" / "heart.yaml"
    with Federation(tmp_path / "federation") as federation:
        for name in HOSPITALS:
            federation.node(name, data=str(folder / f"{name}.csv"), schema=str(schema))
        run = federation.search(*SETTINGS)
    rows = {name: rows_of(folder / f"{name}.csv") for name in HOSPITALS}
    held = {name: [row["split"] for row in own] for name, own in rows.items()}
    joined = {event["node"]: event for event in run.kinds("node")}
    assert set(joined) == set(HOSPITALS)
    for name, event in joined.items():
        assert event["examples"] + event["validation"] == held[name].count("train")
        assert event["test"] == held[name].count("test")
    result = run.result
    assert result["status"] == "finished"
    assert result["winner"]["test"]["examples"] == sum(split.count("test") for split in held.values())
    assert (run.folder / "best" / "schema.yaml").exists()
    (weighted,) = run.kinds("weighted")
    healthy, ill = weighted["weights"]
    assert healthy > ill > 0  # more of the patients are ill
