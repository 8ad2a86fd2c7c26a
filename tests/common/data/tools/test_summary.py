import numpy as np
import pytest

from common.data.diabetes import read_diabetes
from common.data.formats import Contents
from common.data.ingest import pool_of
from common.data.tools.summary import ClassCount, class_counts, summarize

Y = np.array([0, 0, 2, 2, 2])
X = np.arange(15, dtype=np.float32).reshape(5, 3)


def test_examples_are_counted_by_class_and_part():
    pool = pool_of(Contents(X, Y, split=np.array([0, 1, 0, 1, 1])), own=True)
    assert class_counts(pool) == (ClassCount("0", 1, 1), ClassCount("1", 0, 0), ClassCount("2", 1, 2))
    summary = summarize(pool)
    assert (summary.examples, summary.missing, summary.named, summary.has_test) == (5, ("1",), False, True)


def test_names_are_told():
    summary = summarize(pool_of(Contents(X, Y, np.array(["cat", "dog", "eel"])), own=True))
    assert [count.name for count in summary.counts] == ["cat", "dog", "eel"]
    assert (summary.named, summary.missing, summary.people) == (True, ("dog",), None)


def test_targets_that_are_no_classes_are_not_counted_by_class():
    summary = summarize(read_diabetes())
    assert (summary.counts, summary.examples, summary.test, summary.missing) == ((), 442, 0, ())


def test_people_are_counted():
    assert summarize(pool_of(Contents(X, Y, client=np.array([7, 7, 9, 9, 7])), own=True)).people == 2


@pytest.mark.parametrize(
    ("x", "constant"),
    [
        (np.array([[1, 5, 2], [1, 6, 2]]), (0, 2)),
        (np.array([[[1, 1], [1, 2]], [[1, 1], [1, 2]]]), (0,)),  # a channel that stays, and one that moves
        (np.array([[[1, 1], [1, 1]], [[2, 2], [1, 1]]]), (1,)),
    ],
)
def test_what_never_changes_is_named(x: np.ndarray, constant: tuple[int, ...]):
    assert summarize(pool_of(Contents(x.astype(np.float32), np.array([0, 1])))).constant == constant


def test_the_scales_of_training_are_told_as_a_network_would_see_them():
    x = np.array([[1, 5, 100], [3, 5, 500], [9, 9, 999]], np.float32)
    summary = summarize(pool_of(Contents(x, np.array([0, 1, 1]), split=np.array([0, 0, 1])), own=True))
    assert summary.deviations == pytest.approx((1.0, 200.0))  # of 1 and 3, of 100 and 500
    pixels = np.array([[[0, 255], [0, 255]]] * 2, np.uint8)
    assert summarize(pool_of(Contents(pixels, np.array([0, 1])))).deviations == pytest.approx((0.5, 0.5))
    assert summarize(pool_of(Contents(np.ones((2, 3), np.float32), np.array([0, 1])))).deviations == ()


def test_pixels_may_stay_as_they_are():
    assert summarize(pool_of(Contents(np.zeros((2, 4, 4), np.uint8), np.array([0, 1])))).constant == ()


def test_copies_are_counted_across_the_parts_or_in_all():
    x = X[[0, 0, 1, 2, 2]]
    assert summarize(pool_of(Contents(x, Y), own=True)).copies == 2
    assert summarize(pool_of(Contents(x, Y, split=np.array([0, 0, 0, 0, 1])), own=True)).copies == 1
    assert summarize(pool_of(Contents(x, Y, split=np.array([0, 0, 1, 0, 0])), own=True)).copies == 0


def test_windows_that_overlap_are_counted():
    signal = np.random.default_rng(0).standard_normal(40).astype(np.float32)
    x = np.stack([signal[None, start : start + 8] for start in range(0, 24, 4)])
    assert summarize(pool_of(Contents(x, np.arange(6) % 2))).overlapping == 5


def test_memory_holds_the_file_and_its_float32():
    summary = summarize(pool_of(Contents(np.zeros((4, 2, 3), np.uint8), np.array([0, 1, 0, 1]))))
    assert summary.nbytes == 4 * 6 * (1 + 4) + 4 * 8
