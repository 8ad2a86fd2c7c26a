"""Whole searches over tables by a schema: gaps, categories, and nodes whose schema differs."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
import torch

from common.data import Holder, load_node_data, load_node_test
from common.data.formats import Reading
from common.data.schema_file import load_schema, save_schema
from common.data.schema_rows import vectors_of
from common.errors import DataError
from common.models.evaluation import evaluate
from common.models.export import load_model, save_model
from common.preprocessing.expand import expansion_of
from common.preprocessing.schema import Schema
from common.seeding import generator
from common.settings import DatasetSettings

SCHEMA = {
    "dose": {"role": "number", "unit": "mg", "missing": True},
    "kind": {"role": "category", "values": ["a", "b", "c"], "missing": True},
    "rare": {"role": "number", "missing": True, "indicator": False},
    "ill": {"role": "label", "classes": ["yes", "no"]},
}


def write(folder: Path, name: str, rows: int = 90) -> str:
    """Write a site's table: the kind and the dose tell who is ill, where they are known."""
    rng = generator(0, "site", name)
    cells = []
    for row in range(rows):
        kind, dose = "abc"[rng.integers(3)], rng.normal(500, 100)
        ill = "yes" if (kind == "a") != (dose > 500) else "no"
        known = rng.random(2) > 0.2
        cells.append([f"{dose:.2f}" if known[0] else "", kind if known[1] else "", "3" if row < 4 else "", ill])
    stream = io.StringIO()
    csv.writer(stream).writerows([["dose", "kind", "rare", "ill"], *cells])
    path = folder / f"{name}.csv"
    path.write_text(stream.getvalue())
    return str(path)


@pytest.fixture
def schema(tmp_path: Path) -> str:
    save_schema(tmp_path / "schema.yaml", Schema.from_dict({"columns": SCHEMA}))
    return str(tmp_path / "schema.yaml")


def train_of(path: str, schema: str) -> np.ndarray:
    return load_node_data(DatasetSettings("local"), Holder(path=path, reading=Reading(schema=schema)), 0).train.x


def test_a_search_by_a_schema_learns_over_gaps_and_its_model_takes_rows(grid, configure, play, tmp_path, schema):
    paths = {name: write(tmp_path, name) for name in "abc"}
    for name, path in paths.items():
        grid.join(name=name, data=path, schema=schema)
    grid.join(name="bare", data=write(tmp_path, "bare"), label="ill")
    changed = {**SCHEMA, "dose": {**SCHEMA["dose"], "unit": "g"}}
    save_schema(tmp_path / "other.yaml", Schema.from_dict({"columns": changed}))
    grid.join(name="other", data=write(tmp_path, "other"), schema=str(tmp_path / "other.yaml"))
    played = play(grid, configure(federation={"nodes": 5}, final={"rounds": 4}))
    assert played.error is None
    task = played.strategy.outcome.task
    assert task.schema == load_schema(schema)
    assert task.head.classes == ("yes", "no")
    refused = {event["node"]: event["reason"] for event in played.kinds("node_refused")}
    assert "in this node's 'dose' has another unit" in refused["other"]
    assert "must hold numbers" in " ".join(refused.values())  # without a schema a category is none
    # what is fitted is the mean of what is there; of a column that no node has 10 values of, nothing is known
    pooled = np.concatenate([train_of(path, schema) for path in paths.values()]).astype(np.float64)
    names = expansion_of(task.schema).names
    dose, rare = names.index("dose"), names.index("rare")
    assert task.scaling.mean[dose] == pytest.approx(np.nanmean(pooled[:, dose]))
    assert task.scaling.std[dose] == pytest.approx(np.nanstd(pooled[:, dose]))
    assert task.scaling.std[rare] == 0
    assert [task.scaling.std[place] for place in range(len(names)) if place not in (dose, rare)] == [1.0] * 5
    (event,) = played.kinds("scaled")
    assert event["untold"] == ["rare"]
    # the model that is left behind takes rows, and scores as the nodes did
    final = played.strategy.outcome.final.trials[0]
    save_model(tmp_path / "best", final.spec, task, played.weights)
    model = load_model(tmp_path / "best")
    for name, path in paths.items():
        holder = Holder(path=path, reading=Reading(schema=schema))
        test = load_node_test(DatasetSettings("local"), holder, 0, task.head)
        told = final.scores[-1].by_node[name].metrics
        found = evaluate(model, test, task.head, told["threshold"])
        assert found == pytest.approx({metric: told[metric] for metric in found})
    loaded = load_schema(tmp_path / "best" / "schema.yaml")
    x = vectors_of(loaded, [{"dose": 512.5, "kind": "b"}, {"dose": "512.50", "kind": "b", "rare": None}, {}])
    with torch.no_grad():
        outputs = model(torch.from_numpy(x))
    assert torch.isfinite(outputs).all()
    torch.testing.assert_close(outputs[0], outputs[1])


@pytest.mark.parametrize("scope", ["node", "none"])
def test_gaps_are_filled_whatever_is_scaled(grid, configure, play, tmp_path, schema, scope):
    for name in "abc":
        grid.join(name=name, data=write(tmp_path, name), schema=schema)
    played = play(grid, configure(preprocessing={"scope": scope}))
    assert played.error is None
    outcome = played.strategy.outcome
    assert all(report.sums == {} for report in played.strategy._desk.roster.reports.values())
    final = outcome.final.trials[0]
    save_model(tmp_path / "best", final.spec, outcome.task, played.weights)
    x = train_of(str(tmp_path / "a.csv"), schema)
    model = load_model(tmp_path / "best", x if scope == "node" else None)
    with torch.no_grad():
        assert torch.isfinite(model(torch.from_numpy(x))).all()


def test_the_server_may_name_the_schema(grid, configure, play, tmp_path, schema):
    changed = {**SCHEMA, "dose": {**SCHEMA["dose"], "unit": "g"}}
    save_schema(tmp_path / "other.yaml", Schema.from_dict({"columns": changed}))
    for name in "abc":
        chosen = schema if name == "a" else str(tmp_path / "other.yaml")
        grid.join(name=name, data=write(tmp_path, name), schema=chosen)
    dataset = {"options": {"schema": schema}}
    played = play(grid, configure(dataset=dataset, federation={"min_nodes": 1}))
    assert played.error is None
    assert played.strategy.outcome.task.schema == load_schema(schema)
    assert {event["node"] for event in played.kinds("node_refused")} == {"b", "c"}


def test_a_row_is_as_strict_as_a_table(schema):
    with pytest.raises(DataError, match="lists") as caught:
        vectors_of(load_schema(schema), [{"kind": "a"}, {"kind": "z"}])
    assert "row 2, column 'kind': 'z'" in caught.value.detail


def test_columns_with_a_range_may_be_scaled_by_median_and_quartiles(grid, configure, play, tmp_path):
    columns = {**SCHEMA, "dose": {**SCHEMA["dose"], "range": [0.0, 1000.0]}}
    save_schema(tmp_path / "schema.yaml", Schema.from_dict({"columns": columns}))
    schema = str(tmp_path / "schema.yaml")
    paths = {name: write(tmp_path, name) for name in "abc"}
    for name, path in paths.items():
        grid.join(name=name, data=path, schema=schema)
    played = play(grid, configure(preprocessing={"scale": "quantiles", "min_examples": 2}))
    assert played.error is None
    task = played.strategy.outcome.task
    place = expansion_of(task.schema).names.index("dose")
    pooled = np.concatenate([train_of(path, schema) for path in paths.values()])[:, place]
    low, median, high = np.nanquantile(pooled, (0.25, 0.5, 0.75))
    slack = 1000 / 64 + 6 / len(pooled) * 1000
    assert task.scaling.mean[place] == pytest.approx(median, abs=slack)
    assert task.scaling.std[place] * 1.349 == pytest.approx(high - low, abs=2 * slack)
    (event,) = played.kinds("scaled")
    assert event["by_median"] == 1
