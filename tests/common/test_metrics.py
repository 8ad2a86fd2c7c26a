import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import DataError
from common.metrics import classification_metrics, summarise


def case(seed: int, count: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, classes)).astype(np.float32) * 5, rng.integers(classes, size=count)


@pytest.mark.parametrize(("seed", "count", "classes"), [(0, 500, 4), (1, 7, 10), (2, 1, 3), (3, 40, 2), (4, 12, 10)])
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_they_are_scikit_learns(seed: int, count: int, classes: int) -> None:
    from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, log_loss

    logits, y = case(seed, count, classes)
    predicted = logits.argmax(axis=1)
    odds = np.exp(logits.astype(np.float64))
    expected = {
        "accuracy": accuracy_score(y, predicted),
        "balanced_accuracy": balanced_accuracy_score(y, predicted),
        "macro_f1": f1_score(y, predicted, average="macro", zero_division=0),
        "loss": log_loss(y, odds / odds.sum(axis=1, keepdims=True), labels=np.arange(classes)),
    }
    assert classification_metrics(logits, y) == pytest.approx(expected, rel=1e-9)


def test_by_hand() -> None:
    # labels 0 0 0 1, predictions 0 0 2 1: recalls 2/3 and 1; F1 4/5 (2 of 3 found, no false one), 1, and 0
    logits = np.eye(3, dtype=np.float32)[[0, 0, 2, 1]]
    scores = classification_metrics(logits, np.array([0, 0, 0, 1]))
    log_total = math.log(math.e + 2)
    assert scores == pytest.approx(
        {
            "accuracy": 3 / 4,
            "balanced_accuracy": (2 / 3 + 1) / 2,
            "macro_f1": (4 / 5 + 1 + 0) / 3,
            "loss": (3 * (log_total - 1) + log_total) / 4,
        }
    )


def test_the_loss_is_finite_for_huge_logits() -> None:
    scores = classification_metrics(np.array([[3e38, -3e38], [1e30, 1e30]], dtype=np.float32), np.array([0, 1]))
    assert scores["loss"] == pytest.approx(math.log(2) / 2)


def test_the_order_of_examples_does_not_matter() -> None:
    logits, y = case(5, 50, 3)
    order = np.random.default_rng(0).permutation(50)
    assert classification_metrics(logits[order], y[order]) == pytest.approx(classification_metrics(logits, y))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_model_that_diverged_has_no_score(value: float) -> None:
    logits, y = case(6, 5, 3)
    logits[2, 1] = value
    with pytest.raises(DataError, match=r"must be finite.*Lower training.learning_rate"):
        classification_metrics(logits, y)


@pytest.mark.parametrize(("rows", "labels"), [(0, 0), (3, 2)])
def test_shapes_that_do_not_fit_are_refused(rows: int, labels: int) -> None:
    with pytest.raises(DataError, match="Scores need logits"):
        classification_metrics(np.zeros((rows, 3), dtype=np.float32), np.zeros(labels, dtype=np.int64))


def test_a_summary_by_hand() -> None:
    # (1*0.2 + 3*0.6) / 4; the nodes lie 0.2 around their plain mean 0.4
    assert summarise([0.2, 0.6], [1, 3]) == pytest.approx({"mean": 0.5, "std": 0.2, "worst_decile": 0.2})


@pytest.mark.parametrize(("count", "lowest"), [(1, 1), (9, 1), (10, 1), (19, 1), (20, 2), (35, 3)])
def test_the_worst_decile_is_the_mean_of_the_lowest_tenth(count: int, lowest: int) -> None:
    values = np.random.default_rng(0).permutation(count).astype(float).tolist()
    assert summarise(values, [1] * count)["worst_decile"] == pytest.approx(sum(range(lowest)) / lowest)


def test_one_node_has_no_spread() -> None:
    assert summarise([0.7], [12]) == {"mean": pytest.approx(0.7), "std": 0.0, "worst_decile": 0.7}


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 500)), min_size=2, max_size=12), st.randoms())
@settings(max_examples=50, deadline=None)
def test_a_summary_is_the_same_in_any_order(nodes: list[tuple[float, int]], random: object) -> None:
    def summary(pairs: list[tuple[float, int]]) -> dict[str, float]:
        return summarise([value for value, _ in pairs], [weight for _, weight in pairs])

    for shuffled in itertools.islice(itertools.permutations(nodes), 20):
        assert summary(list(shuffled)) == summary(nodes)


@given(st.floats(0, 1), st.lists(st.integers(1, 500), min_size=1, max_size=12))
@settings(max_examples=50, deadline=None)
def test_weights_sum_to_one(value: float, weights: list[int]) -> None:
    assert summarise([value] * len(weights), weights)["mean"] == pytest.approx(value)


@pytest.mark.parametrize(
    ("values", "weights"), [([], []), ([1.0], []), ([1.0], [0]), ([1.0, 2.0], [3, -1]), ([math.nan], [1])]
)
def test_a_mean_of_nothing_is_refused(values: list[float], weights: list[float]) -> None:
    with pytest.raises(DataError, match="weights above 0"):
        summarise(values, weights)
