import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from common.data import Holder, load_node_data, load_server_test, natural_partitions
from common.data.npz import read_npz
from common.errors import ConfigError, DataError
from common.settings import DatasetSettings

Save = Callable[..., str]

Y = np.arange(12) % 3
X = np.random.default_rng(0).standard_normal((12, 5)).astype(np.float32)


@pytest.mark.parametrize(
    ("x", "shape"),
    [
        (np.ones((12, 5), np.float32), (5,)),
        (np.ones((12, 5), np.uint8), (5,)),
        (np.ones((12, 5, 7), np.float16), (5, 7)),
        (np.ones((12, 5, 7), np.uint8), (1, 5, 7)),
        (np.ones((12, 3, 5, 7), np.float64), (3, 5, 7)),
        (np.ones((12, 3, 5, 7), np.uint8), (3, 5, 7)),
        (np.ones((12, 5), ">f4"), (5,)),
    ],
)
def test_type_and_axes_say_what_the_examples_are(save: Save, x: NDArray[Any], shape: tuple[int, ...]) -> None:
    pool = read_npz(save(x=x, y=Y))
    taken = pool.take(np.array([0, 3]))
    assert pool.task.input_shape == shape
    assert pool.task.num_classes == 3
    assert taken.x.shape == (2, *shape)
    assert (taken.x.dtype, taken.y.dtype) == (np.float32, np.int64)
    assert np.all(taken.x == np.float32(1 / 255 if x.dtype == np.uint8 else 1))


def test_floats_are_taken_as_they_are(save: Save) -> None:
    pool = read_npz(save(x=X, y=Y.astype(np.uint8)))
    np.testing.assert_array_equal(pool.take(np.arange(12)).x, X)
    np.testing.assert_array_equal(pool.take(np.arange(12)).y, Y)


def test_optional_arrays_are_read(save: Save) -> None:
    split = np.array([0, 1] * 6, np.uint8)
    pool = read_npz(save(x=X, y=Y, client=np.arange(12, dtype=np.int16), split=split))
    assert pool.people is not None
    assert pool.people.tolist() == list(range(12))
    assert pool.train_rows.tolist() == [0, 2, 4, 6, 8, 10]
    assert pool.test_rows is not None
    assert pool.test_rows.tolist() == [1, 3, 5, 7, 9, 11]


def test_a_split_without_test_examples_counts_as_none(save: Save) -> None:
    assert read_npz(save(x=X, y=Y, split=np.zeros(12, int))).test is None


def test_num_classes_wins_over_the_labels(save: Save) -> None:
    path = save(x=X, y=np.where(Y == 1, 0, Y))  # labels 0 and 2
    assert read_npz(path, 5).task.num_classes == 5
    settings = DatasetSettings(name="npz", options={"num_classes": 4})
    assert load_node_data(settings, Holder(path=path), 0).task.num_classes == 4


def test_compressed_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "deflated.npz"
    np.savez_compressed(path, x=X, y=Y)
    assert len(read_npz(str(path)).y) == 12


def huge(value: float) -> NDArray[Any]:
    x = X.astype(np.float64)
    x[7, 2] = value
    return x


BAD = [
    ({"x": X}, "must hold the array 'y', got ['x']"),
    ({"y": Y}, "must hold the array 'x', got ['y']"),
    ({"x": X, "y": Y[:-1]}, "must have the same length, got {'x': 12, 'y': 11}"),
    ({"x": X, "y": Y, "client": Y[:5]}, "must have the same length, got {'x': 12, 'y': 12, 'client': 5}"),
    ({"x": X[:0], "y": Y[:0]}, "'x' must hold examples, got (0, 5)"),
    ({"x": np.float32(3), "y": Y}, "must have the same length, got {'x': 0, 'y': 12}"),
    ({"x": X, "y": Y[:, None]}, "'y' must have one axis, got (12, 1)"),
    ({"x": X, "y": Y, "split": Y[:, None]}, "'split' must have one axis, got (12, 1)"),
    ({"x": X[:, 0], "y": Y}, "'x' must have the shape (n, features), "),
    ({"x": X[:, :0], "y": Y}, "(n, channels, height, width), got (12, 0)"),
    ({"x": X[:, :, None, None, None], "y": Y}, "(n, channels, height, width), got (12, 5, 1, 1, 1)"),
    ({"x": X.astype(int), "y": Y}, "'x' must be of a float type or uint8, got 'int64'"),
    ({"x": X.astype(complex), "y": Y}, "'x' must be of a float type or uint8, got 'complex128'"),
    ({"x": X.astype(str), "y": Y}, "'x' must be of a float type or uint8, got '<U32'"),
    ({"x": huge(np.nan).astype(np.float32), "y": Y}, "1 examples are not, the first of them at index 7, got nan"),
    ({"x": huge(-np.inf).astype(np.float16), "y": Y}, "the first of them at index 7, got -inf"),
    ({"x": huge(1e300), "y": Y}, "fit into float32; 1 examples are not, the first of them at index 7, got inf"),
    ({"x": X, "y": Y.astype(np.float32)}, "'y' must hold integers, got 'float32'"),
    ({"x": X, "y": Y.astype(str)}, "'y' must hold integers, got '<U21'"),
    ({"x": X, "y": Y - 1}, "'y' must hold labels from 0, got -1"),
    ({"x": X, "y": Y + 1}, "every label from 0 to the largest, and at least 2 of them, got [1, 2, 3]"),
    ({"x": X, "y": Y * 2}, "every label from 0 to the largest, and at least 2 of them, got [0, 2, 4]"),
    ({"x": X, "y": Y * 0}, "every label from 0 to the largest, and at least 2 of them, got [0]"),
    ({"x": X, "y": np.arange(12) + 5}, "got '[5, 6, 7, 8, 9, 10, 11, 12, 13, 14] and 2 more'"),
    ({"x": X, "y": np.full(12, 2**64 - 1, np.uint64)}, "'y' must hold integers, got 'uint64'"),
    ({"x": X, "y": Y, "client": X[:, 0]}, "'client' must hold integers, got 'float32'"),
    ({"x": X, "y": Y, "split": Y}, "'split' must hold 0 (train) and 1 (test) only, got [0, 1, 2]"),
    ({"x": X, "y": Y, "split": Y * 0.0}, "'split' must hold 0 (train) and 1 (test) only, got [0.0]"),
    ({"x": X, "y": Y, "split": Y * 0 + 1}, "'split' must leave examples to train on (0), got [1]"),
]


@pytest.mark.parametrize(("arrays", "message"), BAD, ids=[message[:60] for _, message in BAD])
def test_a_malformed_file_is_one_clear_error(save: Save, arrays: dict[str, object], message: str) -> None:
    path = save(**arrays)
    with pytest.raises(DataError) as caught:
        read_npz(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(path)


def test_a_label_beyond_num_classes_is_refused(save: Save) -> None:
    with pytest.raises(DataError, match=r"from 0 to 1 \(dataset.options.num_classes=2\), got 2"):
        read_npz(save(x=X, y=Y), 2)


def test_objects_are_never_unpickled(save: Save) -> None:
    with pytest.raises(DataError, match=r"Its array 'y' cannot be read \(ValueError: Object arrays cannot be loaded"):
        read_npz(save(x=X, y=Y.astype(object)))


def corrupt(path: Path) -> None:
    np.savez(path, x=X, y=Y)
    whole = bytearray(path.read_bytes())
    middle = whole.find(X[3].tobytes())
    whole[middle] ^= 0xFF
    path.write_bytes(whole)


def shortened(path: Path) -> None:
    np.savez(path, x=X, y=Y)
    path.write_bytes(path.read_bytes()[:200])


def not_arrays(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", "hello")
        archive.writestr("y.npy", "hello")


def bare_array(path: Path) -> None:
    with path.open("wb") as stream:
        np.save(stream, X)


@pytest.mark.parametrize(
    "write",
    [
        corrupt,
        shortened,
        not_arrays,
        bare_array,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("x,y\n1,2\n"),
        lambda path: path.write_bytes(b"\x80\x04K\x01."),  # a pickle
        lambda path: path.mkdir(),
    ],
    ids=["corrupt", "shortened", "not-arrays", "bare-array", "empty", "text", "pickle", "folder"],
)
def test_a_file_of_another_kind_is_one_clear_error(tmp_path: Path, write: Callable[[Path], object]) -> None:
    path = tmp_path / "data.npz"
    write(path)
    with pytest.raises(DataError, match=r"data\.npz.*numpy\.savez"):
        read_npz(str(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must exist, got '.*gone.npz'. Check dataset.path"):
        load_node_data(DatasetSettings(name="npz", path=str(tmp_path / "gone.npz")), Holder(), 0)


def test_a_mended_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "late.npz"
    with pytest.raises(DataError, match="must exist"):
        read_npz(str(path))
    np.savez(path, x=X, y=Y)
    assert len(read_npz(str(path)).y) == 12


def test_a_file_is_read_once(save: Save) -> None:
    path = save(x=X, y=Y)
    assert read_npz(path) is read_npz(path)


def test_no_file_at_all_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match=r"needs a file\. Set dataset\.path"):
        load_node_data(DatasetSettings(name="npz"), Holder(0, 2), 0)


def test_num_classes_must_make_sense() -> None:
    with pytest.raises(ConfigError, match="num_classes must be 2 or more, got 1"):
        load_node_data(DatasetSettings(name="npz", path="/x.npz", options={"num_classes": 1}), Holder(), 0)


@pytest.mark.shared_data
def test_mnist_writers_stay_apart(shared_data: Path) -> None:
    settings = DatasetSettings(name="npz", path=str(shared_data / "mnist_writers.npz"), partition="natural")
    test = load_server_test(settings, 0)
    assert test is not None
    assert test.group is not None
    assert natural_partitions(settings) == 539
    assert len(np.unique(test.group)) == 297
    data = load_node_data(settings, Holder(0, 539), 0)
    assert data.task.input_shape == (1, 28, 28)
    assert data.train.x.max() <= 1
