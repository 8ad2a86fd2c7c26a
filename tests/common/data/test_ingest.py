from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from common.data.formats import Contents
from common.data.ingest import pool_of
from common.errors import DataError
from common.tasks import Classification, Multilabel, Regression

Y = np.arange(12) % 3
X = np.random.default_rng(0).standard_normal((12, 5)).astype(np.float32)
NAMES = np.array(["cat", "dog", "eel"])


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
def test_type_and_axes_say_what_the_examples_are(x: NDArray[Any], shape: tuple[int, ...]) -> None:
    pool = pool_of(Contents(x, Y))
    taken = pool.take(np.array([0, 3]))
    assert pool.task.input_shape == shape
    assert pool.task.head == Classification(3)
    assert taken.x.shape == (2, *shape)
    assert (taken.x.dtype, taken.y.dtype) == (np.float32, np.int64)
    assert np.all(taken.x == np.float32(1 / 255 if x.dtype == np.uint8 else 1))


def test_floats_are_taken_as_they_are() -> None:
    pool = pool_of(Contents(X, Y.astype(np.uint8)))
    np.testing.assert_array_equal(pool.take(np.arange(12)).x, X)
    np.testing.assert_array_equal(pool.take(np.arange(12)).y, Y)


def test_people_and_parts_are_kept() -> None:
    pool = pool_of(Contents(X, Y, client=np.arange(12, dtype=np.int16), split=np.array([0, 1] * 6, np.uint8)))
    assert pool.people is not None
    assert pool.people.tolist() == list(range(12))
    assert pool.train_rows.tolist() == [0, 2, 4, 6, 8, 10]
    assert pool.test_rows is not None
    assert pool.test_rows.tolist() == [1, 3, 5, 7, 9, 11]


def test_a_split_without_test_examples_counts_as_none() -> None:
    assert pool_of(Contents(X, Y, split=np.zeros(12, int))).test is None


@pytest.mark.parametrize(
    ("labels", "num_classes", "own", "count"),
    [
        ([0, 1, 2], None, False, 3),
        ([0, 2, 2], 5, False, 5),
        ([0, 2, 2], None, True, 3),  # a node need not hold every class
        ([0, 0, 0], None, True, 2),  # a classifier has at least 2
        ([0, 0, 0], 7, True, 7),
    ],
)
def test_numbered_classes_are_counted(labels: list[int], num_classes: int | None, own: bool, count: int) -> None:
    pool = pool_of(Contents(X[:3], np.array(labels)), num_classes, own=own)
    assert pool.task.head == Classification(count)


def test_named_classes_are_kept_in_their_order_whether_they_occur_or_not() -> None:
    pool = pool_of(Contents(X, Y % 2, np.array(["eel", "dog", "cat"])))
    assert pool.task.head == Classification(3, ("eel", "dog", "cat"))
    assert pool_of(Contents(X, Y * 0, NAMES[:1]), own=True).task.head == Classification(2, ("cat",))


def huge(value: float) -> NDArray[Any]:
    x = X.astype(np.float64)
    x[7, 2] = value
    return x


SEVERAL = np.stack([Y == 0, Y > 0, Y == 2], axis=1).astype(np.uint8)


@pytest.mark.parametrize("task", [None, "multilabel"])
@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.bool_])
def test_rows_of_0_and_1_are_several_labels(task: str | None, kind: Any) -> None:
    pool = pool_of(Contents(X, SEVERAL.astype(kind)), task=task)
    assert pool.task.head == Multilabel(3)
    assert (pool.y.dtype, pool.y.tolist()) == (np.int64, SEVERAL.tolist())
    assert pool_of(Contents(X, SEVERAL, NAMES), own=True, task=task).task.head == Multilabel(3, ("cat", "dog", "eel"))


@pytest.mark.parametrize(
    ("change", "rule", "told"),
    [
        ({"y": SEVERAL * 2}, r"shape \(n, labels\), whole numbers 0 and 1", ""),
        ({"y": SEVERAL + np.arange(12)[:, None]}, r"whole numbers 0 and 1", "it holds [0 1 2 3 4]"),
        ({"y": SEVERAL * 1.0}, r"whole numbers 0 and 1", "float64"),
        ({"y": SEVERAL[:, :1]}, r"whole numbers 0 and 1", "(12, 1)"),
        ({"y": Y % 2}, r"whole numbers 0 and 1", "(12,)"),
        ({"y": SEVERAL, "classes": NAMES[:2]}, "each column of 'y' has one", "2 names, and 3 columns"),
        ({"y": SEVERAL, "classes": NAMES[[0, 1, 1]]}, "must have different names", "dog"),
        ({"y": SEVERAL[:5]}, "must have the same length", "5"),
    ],
)
def test_what_are_no_rows_of_labels_is_refused(change: dict[str, Any], rule: str, told: str) -> None:
    with pytest.raises(DataError, match=rule) as caught:
        pool_of(Contents(**{"x": X, **change}), task="multilabel")
    assert told in caught.value.detail


NUMBERS = np.linspace(-1.5, 4, 12)


@pytest.mark.parametrize(
    ("y", "width"),
    [(NUMBERS, 1), (NUMBERS[:, None].astype(np.float32), 1), (np.stack([NUMBERS, NUMBERS], 1), 2), (Y, 1)],
)
def test_with_a_regression_labels_are_numbers_to_predict_whole_or_not(y: NDArray[Any], width: int) -> None:
    pool = pool_of(Contents(X, y), task="regression")
    assert pool.task.head == Regression((0.0,) * width, (1.0,) * width)
    assert (pool.y.dtype, pool.y.shape) == (np.float32, (12, width))
    np.testing.assert_array_equal(pool.y.ravel(), y.ravel().astype(np.float32))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"y": Y, "classes": NAMES}, "needs numbers, and these labels are names"),
        ({"y": Y.astype(str)}, "needs numbers, and these labels are names"),
        ({"y": NUMBERS * np.nan}, "must be finite"),
        ({"y": NUMBERS * 1e300}, "must be finite"),
    ],
)
def test_what_cannot_be_predicted_is_refused(change: dict[str, Any], rule: str) -> None:
    with pytest.raises(DataError, match=rule):
        pool_of(Contents(**{"x": X, **change}), task="regression")
    with pytest.raises(DataError, match="regression task has no classes to be counted"):
        pool_of(Contents(X, NUMBERS), 3, task="regression")


def test_numbers_with_fractions_are_no_classes_and_the_way_out_is_named() -> None:
    with pytest.raises(DataError, match=r'task="regression" in a node config') as caught:
        pool_of(Contents(X, NUMBERS))
    assert "-1.5" not in str(caught.value)


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"y": Y[:-1]}, "The arrays x, y must have the same length", "{'x': 12, 'y': 11}"),
    ({"client": Y[:5]}, "must have the same length", "{'x': 12, 'y': 12, 'client': 5}"),
    ({"x": X[:0], "y": Y[:0]}, "'x' must hold examples", "(0, 5)"),
    ({"x": np.asarray(np.float32(3))}, "must have the same length", "{'x': 0, 'y': 12}"),
    ({"y": Y[:, None]}, "'y' must have one axis", "(12, 1)"),
    ({"split": Y[:, None]}, "'split' must have one axis", "(12, 1)"),
    ({"x": X[:, 0]}, "'x' must have the shape (n, features), ", "(12,)"),
    ({"x": X[:, :0]}, "(n, channels, height, width)", "(12, 0)"),
    ({"x": X[:, :, None, None, None]}, "(n, channels, height, width)", "(12, 5, 1, 1, 1)"),
    ({"x": X.astype(int)}, "'x' must be of a float type or uint8", "int64"),
    ({"x": X.astype(complex)}, "'x' must be of a float type or uint8", "complex128"),
    ({"x": X.astype(str)}, "'x' must be of a float type or uint8", "<U32"),
    (
        {"x": huge(np.nan).astype(np.float32)},
        "must be finite",
        " examples are not so, the first of them at index 7: nan",
    ),
    ({"x": huge(-np.inf).astype(np.float16)}, "must be finite", "at index 7: -inf"),
    ({"x": huge(1e300)}, "fit into 32 bits", "at index 7: inf"),
    ({"y": Y / 2}, "Labels must be whole numbers or names", "that of example 2 is 0.5"),
    ({"y": Y.astype(np.float32)}, "labels must be whole numbers", "float32"),
    ({"y": Y.astype(complex)}, "labels must be whole numbers", "complex128"),
    ({"y": Y.astype(str)}, "labels must be whole numbers", "<U21"),
    ({"y": Y - 1}, "Labels must be numbers from 0", "-1"),
    ({"y": Y + 1}, "Every label from 0 to the largest must occur, and at least 2", "1, 2, 3"),
    ({"y": Y * 2}, "Every label from 0 to the largest must occur, and at least 2", "0, 2, 4"),
    ({"y": Y * 0}, "Every label from 0 to the largest must occur, and at least 2", "0"),
    ({"y": Y + 2**16}, "Labels must be below 65536", "65538"),
    ({"y": np.arange(12) + 5}, "Every label", "5, 6, 7, 8, 9, 10, 11, 12, 13, 14 and 2 more"),
    ({"y": np.full(12, 2**64 - 1, np.uint64)}, "labels must be whole numbers", "uint64"),
    ({"client": X[:, 0]}, "'client' must be whole numbers", "float32"),
    ({"split": Y}, "'split' must hold 0 (train) and 1 (test) only", "[0, 1, 2]"),
    ({"split": Y * 0.0}, "'split' must hold 0 (train) and 1 (test) only", "[0.0]"),
    ({"split": Y * 0 + 1}, "'split' must leave examples to train on (0)", "all are 1"),
    ({"classes": Y[:3]}, "'classes' must hold texts", "int64"),
    ({"classes": NAMES[:2]}, "a label is the place of a name", "number of names is 2, and labels go from 0 to 2"),
    (
        {"classes": NAMES, "y": Y - 1},
        "a label is the place of a name",
        "number of names is 3, and labels go from -1 to 1",
    ),
    ({"classes": np.array(["cat", "dog", "cat"])}, "Classes must have different names", "cat, dog, cat"),
    ({"classes": np.array(["cat", "dog", " "])}, "must be printable", "' '"),
    ({"classes": np.array(["cat", "dog", "a\nb"])}, "must be printable", r"'a\nb'"),
    ({"classes": NAMES[:1], "y": Y * 0}, "at least 2 classes", ""),
]


@pytest.mark.parametrize(("arrays", "rule", "detail"), BAD, ids=[f"{rule[:40]}-{detail}" for _, rule, detail in BAD])
def test_what_does_not_hold_is_one_clear_error(arrays: dict[str, Any], rule: str, detail: str) -> None:
    with pytest.raises(DataError) as caught:
        pool_of(Contents(**{"x": X, "y": Y, **arrays}))
    assert rule in str(caught.value)
    assert detail in caught.value.detail
    assert caught.value.fix


def test_a_label_beyond_num_classes_is_refused() -> None:
    with pytest.raises(DataError, match=r"between 0 and 1 \(dataset.options.num_classes=2\)"):
        pool_of(Contents(X, Y), 2)


def test_names_leave_nothing_to_num_classes() -> None:
    with pytest.raises(DataError, match=r"Leave out dataset\.options\.num_classes"):
        pool_of(Contents(X, Y, NAMES), 3)
