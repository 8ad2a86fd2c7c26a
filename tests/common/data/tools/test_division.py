from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.data import Holder, load_node_data, load_node_test
from common.data.formats import Contents
from common.data.ingest import pool_of
from common.data.local import LocalOptions, read_local
from common.data.pool import Pool, partition_pool
from common.data.tools.division import divide, read_source, write
from common.errors import ConfigError, DataError, StorageError
from common.settings import DatasetSettings
from common.tasks import Classification

Save = Callable[..., str]

PEOPLE, EACH = 8, 10
ROWS = np.arange(PEOPLE * EACH)


def whole(**more: object) -> Pool:
    """Examples that hold their row and their person."""
    people = ROWS // EACH
    x = np.stack([ROWS, people], axis=1).astype(np.float32)
    return pool_of(Contents(x, ROWS % 3, np.array(["eel", "cat", "dog"]), people, **more))  # type: ignore[arg-type]


def settings(partition: str, alpha: float = 0.5) -> DatasetSettings:
    return DatasetSettings("local", partition=partition, alpha=alpha)  # type: ignore[arg-type]


@pytest.mark.parametrize("partition", ["iid", "dirichlet", "natural"])
def test_nodes_get_what_a_simulation_would_give_them(partition: str):
    pool = whole()
    parts = divide(pool, settings(partition), 4, seed=3)
    simulated = partition_pool(pool, partition, 0.5, 4, 3)
    assert [part.x[:, 0].tolist() for part in parts] == [rows.tolist() for rows in simulated]


@given(nodes=st.integers(1, 8), seed=st.integers(0, 9), partition=st.sampled_from(["iid", "dirichlet", "natural"]))
def test_nothing_is_lost_and_nothing_twice(nodes: int, seed: int, partition: str):
    pool = whole()
    parts = divide(pool, settings(partition, alpha=5.0), nodes, seed)
    rows = np.concatenate([part.x[:, 0] for part in parts]).astype(int)
    assert sorted(rows) == ROWS.tolist()
    for part in parts:
        own = part.x[:, 0].astype(int)
        assert part.people is not None
        assert part.y.tolist() == pool.y[own].tolist()
        assert part.people.tolist() == (own // EACH).tolist()


def test_a_test_part_is_dealt_out_and_stays_one():
    tested = np.isin(ROWS // EACH, (6, 7))
    parts = divide(whole(split=tested), settings("natural"), 3, 0)
    for part in parts:
        assert part.test is not None
        assert part.test.tolist() == tested[part.x[:, 0].astype(int)].tolist()
        assert part.test.sum() in (6, 7)  # a third of 20


def test_what_is_written_is_read_again(tmp_path: Path):
    parts = divide(whole(split=ROWS % 4 == 0), settings("dirichlet"), 2, 0)
    for part, path in zip(parts, write(parts, tmp_path), strict=True):
        again = read_local(str(path), LocalOptions(), own=True)
        assert (again.task, again.scale) == (part.task, part.scale)
        for name in ("x", "y", "people", "test"):
            np.testing.assert_array_equal(getattr(again, name), getattr(part, name))


def test_the_digits_keep_their_pixels(tmp_path: Path):
    digits = read_source("digits")
    (path,) = write(divide(digits, settings("iid"), 1, 0), tmp_path)
    again = read_source(str(path))
    rows = np.arange(1797)
    np.testing.assert_array_equal(again.take(rows).x, digits.take(rows).x)
    assert again.task == digits.task


@pytest.mark.parametrize(
    "x", [np.zeros((20, 2, 3), np.uint8), np.zeros((20, 3, 2, 2), np.uint8), np.zeros((20, 5), "f2")]
)
def test_examples_stay_in_the_type_of_their_file(tmp_path: Path, x: np.ndarray):
    (path,) = write(divide(pool_of(Contents(x, np.arange(20) % 2)), settings("iid"), 1, 0), tmp_path)
    assert read_source(str(path)).x.dtype == x.dtype


def test_a_node_is_scored_on_what_it_was_given(tmp_path: Path):
    paths = write(divide(whole(), settings("natural"), PEOPLE, 0), tmp_path)
    for person, path in enumerate(paths):
        holder = Holder(path=str(path))
        data, test = load_node_data(DatasetSettings(), holder, 0), load_node_test(DatasetSettings(), holder, 0)
        assert test is not None
        assert {int(p) for part in (data.train, data.validation, test) for p in part.x[:, 1]} == {person}
        assert data.task.head == Classification(3, ("eel", "cat", "dog"))  # also where a node has no example of one


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path):
    files = [
        [path.read_bytes() for path in write(divide(whole(), settings("iid"), 2, seed), tmp_path / folder)]
        for folder, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert files[0] == files[1]
    assert files[0] != files[2]


def test_files_are_kept_unless_forced(tmp_path: Path):
    one, two = (divide(whole(), settings("iid"), 2, seed) for seed in (0, 1))
    paths = write(one, tmp_path)
    paths[0].unlink()
    with pytest.raises(StorageError, match=r"node-2.*--force"):
        write(two, tmp_path)
    assert not paths[0].exists()
    write(two, tmp_path, force=True)
    assert read_source(str(paths[1])).x.tolist() == two[1].x.tolist()
    assert sorted(path.name for path in tmp_path.glob("*/*")) == ["data.npz", "data.npz"]


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="file"):
        write(divide(whole(), settings("iid"), 1, 0), tmp_path / "file")


@pytest.mark.parametrize(
    ("partition", "nodes", "message"),
    [("iid", 0, "at least 1 node"), ("iid", 17, "enough for 16 nodes"), ("natural", 9, "there are 8 people")],
)
def test_too_many_nodes_are_refused(partition: str, nodes: int, message: str):
    with pytest.raises(ConfigError, match=message):
        divide(whole(), settings(partition), nodes, 0)


def test_natural_needs_people_and_none_of_them_twice():
    with pytest.raises(ConfigError, match="does not say"):
        divide(read_source("digits"), settings("natural"), 2, 0)
    with pytest.raises(DataError, match="no person may be in both"):
        divide(whole(split=ROWS % 4 == 0), settings("natural"), 2, 0)
