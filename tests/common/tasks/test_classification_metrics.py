"""The scores of a classification are scikit-learn's, and by hand."""

import math

import numpy as np
import pytest

from common.errors import DataError
from common.tasks.classification_metrics import classification_metrics


def case(seed: int, count: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, classes)).astype(np.float32) * 5, rng.integers(classes, size=count)


@pytest.mark.parametrize(("seed", "count", "classes"), [(0, 500, 4), (1, 7, 10), (2, 1, 3), (3, 40, 2), (4, 12, 10)])
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_they_are_scikit_learns(seed: int, count: int, classes: int) -> None:
    from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, log_loss, roc_auc_score

    logits, y = case(seed, count, classes)
    predicted = logits.argmax(axis=1)
    odds = np.exp(logits.astype(np.float64))
    expected = {
        "accuracy": accuracy_score(y, predicted),
        "balanced_accuracy": balanced_accuracy_score(y, predicted),
        "macro_f1": f1_score(y, predicted, average="macro", zero_division=0),
        "loss": log_loss(y, odds / odds.sum(axis=1, keepdims=True), labels=np.arange(classes)),
    }
    if len(set(y)) == classes > 2:
        softmax = odds / odds.sum(axis=1, keepdims=True)
        expected["auroc"] = roc_auc_score(y, softmax, multi_class="ovr", average="macro")
    elif len(set(y)) == classes:
        expected["auroc"] = roc_auc_score(y, logits[:, 1] - logits[:, 0])
    scores = classification_metrics(logits, y)
    besides = {"brier", "ece", "average_precision", "threshold"} if classes == 2 else set()  # test_binary_metrics.py
    assert {name: value for name, value in scores.items() if name not in besides} == pytest.approx(expected, rel=1e-9)
    assert besides <= scores.keys()


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


def area(scores: np.ndarray, positive: np.ndarray) -> float:
    """How often an example of the class has the higher score of a pair, ties being half."""
    pairs = [(own, other) for own in scores[positive] for other in scores[~positive]]
    return float(np.mean([(own > other) + (own == other) / 2 for own, other in pairs]))


@pytest.mark.parametrize(("seed", "count", "classes", "rows"), [(0, 60, 3, 60), (1, 40, 2, 40), (2, 50, 4, 6)])
def test_the_auroc_counts_pairs_of_an_example_of_a_class_and_one_of_the_rest(seed, count, classes, rows) -> None:
    """Of few different answers many are equal."""
    logits, y = case(seed, count, classes)
    logits = logits[np.arange(count) % rows]
    odds = np.exp(logits.astype(np.float64))
    softmax = odds / odds.sum(axis=1, keepdims=True)
    assert len(np.unique(softmax[:, 0])) == rows
    expected = np.mean([area(softmax[:, label], y == label) for label in range(classes)])
    assert classification_metrics(logits, y)["auroc"] == pytest.approx(expected, rel=1e-12)


def test_of_the_softmax_and_not_of_the_logits() -> None:
    """The second example has the larger logit of class 0 and the smaller probability."""
    logits = np.array([[1, 0, 0], [2, 5, 0], [0, 1, 3]], dtype=np.float32)
    assert classification_metrics(logits, np.array([0, 1, 2]))["auroc"] == 1


def test_one_answer_for_all_has_an_auroc_of_a_half() -> None:
    assert classification_metrics(np.full((9, 3), 2, np.float32), np.arange(9) % 3)["auroc"] == 0.5


def test_a_node_without_an_example_of_each_class_has_no_auroc() -> None:
    logits, y = case(7, 30, 3)
    assert "auroc" in classification_metrics(logits, y)
    assert "auroc" not in classification_metrics(logits, y % 2)
    assert "auroc" not in classification_metrics(logits[:1], y[:1])


def test_of_more_classes_there_is_no_threshold() -> None:
    logits, y = case(8, 30, 3)
    assert classification_metrics(logits, y, 0.4) == classification_metrics(logits, y)
    assert not {"brier", "ece", "average_precision", "threshold"} & classification_metrics(logits, y).keys()


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
    with pytest.raises(DataError, match="Scores need outputs"):
        classification_metrics(np.zeros((rows, 3), dtype=np.float32), np.zeros(labels, dtype=np.int64))
