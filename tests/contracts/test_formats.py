"""What every format of data must do: give contents that pass for a pool, tell what is empty or missing, and no more.

A new format is a line in `FORMATS`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from common.data import Holder, load_node_data, load_node_test
from common.data.formats import Reading, read
from common.data.ingest import pool_of
from common.data.local import LocalOptions, read_local
from common.data.tools.division import divide, write
from common.errors import DataError
from common.settings import DatasetSettings

LABELS = ["cat", "dog"] * 10
"""The class of each of 20 examples, all of which are different."""


def npz(path: Path, labels: list[str]) -> None:
    x = np.arange(3 * len(labels), dtype=np.float32).reshape(-1, 3)
    np.savez(
        path, x=x, y=np.array([LABELS.index(label) for label in labels], np.int64), classes=np.array(["cat", "dog"])
    )


def csv(path: Path, labels: list[str]) -> None:
    rows = (f"{row},{row % 7},{label}" for row, label in enumerate(labels))
    path.write_text("\n".join(["a,b,label", *rows]))


def parquet(path: Path, labels: list[str]) -> None:
    numbers = pa.array(range(len(labels)), pa.float32())
    pq.write_table(pa.table({"a": numbers, "label": pa.array(labels, pa.string())}), path)


def images(path: Path, labels: list[str]) -> None:
    path.mkdir()
    for number, label in enumerate(labels):
        (path / label).mkdir(exist_ok=True)
        Image.fromarray(np.full((4, 5), 9 * number, np.uint8)).save(path / label / f"{number:02}.png")


def sequences(path: Path, labels: list[str]) -> None:
    path.mkdir()
    for number, label in enumerate(labels):
        (path / label).mkdir(exist_ok=True)
        (path / label / f"{number:02}.csv").write_text(
            "\n".join(f"{number},{10 * number + step}" for step in range(12))
        )


def labelled(path: Path, labels: list[str]) -> None:
    sequences(path, labels)
    rows = (f"{label}/{number:02}.csv,{label}" for number, label in enumerate(labels))
    (path / "labels.csv").write_text("\n".join(["file,label", *rows]))


Make = Callable[[Path, list[str]], None]

FORMATS: dict[str, tuple[Make, str, Reading]] = {
    "npz": (npz, "data.npz", Reading()),
    "csv": (csv, "data.csv", Reading()),
    "tsv": (csv, "data.tsv", Reading()),
    "parquet": (parquet, "data.parquet", Reading()),
    "pq": (parquet, "data.pq", Reading()),
    "images": (images, "data", Reading()),
    "images resized": (images, "data", Reading(size="3x3", fit="crop", convert="rgb")),
    "sequences": (sequences, "data", Reading()),
    "sequences cut off": (sequences, "data", Reading(length=8)),
    "windows": (sequences, "data", Reading(window=6, hop=3)),
    "windows of labelled files": (labelled, "data", Reading(window=6, hop=6)),
}


@pytest.fixture(params=FORMATS)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Make, Path, Reading]:
    make, name, reading = FORMATS[request.param]
    return make, tmp_path / name, reading


def test_contents_pass_for_a_pool(made: tuple[Make, Path, Reading]):
    make, path, reading = made
    make(path, LABELS)
    raw = read(str(path), reading)
    pool = pool_of(raw)
    assert len(pool.x) == len(pool.y) == len(raw.y)
    assert raw.classes is not None
    assert raw.classes.tolist() == ["cat", "dog"]
    assert np.bincount(pool.y).tolist() == [len(pool.y) // 2] * 2
    assert pool.notes == raw.notes
    assert pool.take(np.arange(len(pool.y))).x.dtype == np.float32
    again = read(str(path), reading)
    assert np.array_equal(again.x, raw.x)
    assert np.array_equal(again.y, raw.y)


def test_a_node_trains_validates_and_tests_on_different_examples(made: tuple[Make, Path, Reading]):
    make, path, reading = made
    make(path, LABELS)
    holder = Holder(path=str(path), reading=reading)
    data, test = load_node_data(DatasetSettings(), holder, 0), load_node_test(DatasetSettings(), holder, 0)
    assert test is not None
    parts = [{example.tobytes() for example in part.x} for part in (data.train, data.validation, test)]
    assert all(parts)
    assert len(set.union(*parts)) == sum(map(len, parts))


def test_a_file_for_each_node_holds_the_same_examples(made: tuple[Make, Path, Reading], tmp_path: Path):
    make, path, reading = made
    make(path, LABELS)
    pool = read_local(str(path), LocalOptions.of(reading), own=True)
    paths = write(divide(pool, DatasetSettings("local", path=str(path)), 2, 0), tmp_path / "out")
    parts = [read_local(str(part), LocalOptions(), own=True) for part in paths]
    rows = sorted(example.tobytes() for part in parts for example in part.take(np.arange(len(part.y))).x)
    assert rows == sorted(example.tobytes() for example in pool.take(np.arange(len(pool.y))).x)


def test_nothing_in_it_is_said(made: tuple[Make, Path, Reading]):
    make, path, reading = made
    make(path, [])
    with pytest.raises(DataError, match=r"must (hold|have|name)") as caught:
        pool_of(read(str(path), reading))
    assert caught.value.fix
    assert path.name not in str(caught.value).split()


def test_nothing_there_is_said(made: tuple[Make, Path, Reading]):
    _, path, reading = made
    with pytest.raises(DataError, match="The file must exist") as caught:
        read(str(path), reading)
    assert str(path) in caught.value.detail
    assert str(path) not in str(caught.value)
