"""What of two classes there is besides: scikit-learn's where it has it, and by hand."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.tasks.binary_metrics import (
    BINS,
    HALF,
    average_precision,
    brier_score,
    calibration_error,
    roc_area,
    youden_threshold,
)
from common.tasks.classification_metrics import classification_metrics

few = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5000001, 0.75, 1.0])  # so that many are equal
cases = st.lists(st.tuples(st.one_of(few, st.floats(0, 1, width=32)), st.booleans()), min_size=1, max_size=30)


def arrays(pairs: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([score for score, _ in pairs]), np.array([positive for _, positive in pairs])


@given(cases)
@settings(max_examples=150)
def test_they_are_scikit_learns(pairs: list[tuple[float, bool]]) -> None:
    from sklearn.metrics import average_precision_score, balanced_accuracy_score, brier_score_loss, roc_auc_score

    scores, positive = arrays(pairs)
    assert brier_score(scores, positive) == pytest.approx(brier_score_loss(positive, scores, pos_label=True))
    if positive.any():
        assert average_precision(scores, positive) == pytest.approx(average_precision_score(positive, scores))
    if positive.any() and not positive.all():
        assert roc_area(scores, positive) == pytest.approx(roc_auc_score(positive, scores))
        told = youden_threshold(scores, positive)
        best = max(balanced_accuracy_score(positive, scores > cut) for cut in (*scores, HALF, -1))
        if best > 0.5 + 1e-9:
            assert balanced_accuracy_score(positive, scores > told) == pytest.approx(best)
            assert 0 < told < 1
        else:
            assert told == HALF


@given(cases)
@settings(max_examples=100)
def test_the_calibration_error_is_that_of_its_definition(pairs: list[tuple[float, bool]]) -> None:
    """Bin by bin: (m - 1) / 15 < confidence <= m / 15, and the answer is that which is more likely."""
    scores, positive = arrays(pairs)
    sure = [max(score, 1 - score) for score in scores]
    right = [(score > 0.5) == there for score, there in pairs]
    total = 0.0
    for number in range(BINS):
        inside = [place for place, each in enumerate(sure) if number < np.ceil(each * BINS) <= number + 1]
        if inside:
            gap = np.mean([right[place] for place in inside]) - np.mean([sure[place] for place in inside])
            total += len(inside) / len(pairs) * abs(gap)
    assert calibration_error(scores, positive) == pytest.approx(total, abs=1e-12)


def test_by_hand() -> None:
    scores, positive = np.array([0.9, 0.8, 0.8, 0.1]), np.array([True, False, True, False])
    # found at 0.9: 1 of 1; at 0.8 two come together: 2 of 3. The recall rises by a half each time
    assert average_precision(scores, positive) == pytest.approx((1 + 2 / 3) / 2)
    assert roc_area(scores, positive) == pytest.approx((1 + 1 + 0.5 + 1) / 4)
    assert brier_score(scores, positive) == pytest.approx((0.01 + 0.64 + 0.04 + 0.01) / 4)
    # 0.9 and 1 - 0.1 share a bin: right both; 0.8 twice: right once
    assert calibration_error(scores, positive) == pytest.approx((2 * 0.1 + 2 * 0.3) / 4)


def test_of_equal_thresholds_the_one_next_to_a_half_is_taken() -> None:
    scores, positive = np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, True, True])
    assert youden_threshold(scores, positive) == HALF
    # 0.25 between 0.2 and 0.3 parts them all
    assert youden_threshold(np.array([0.1, 0.2, 0.3, 0.4]), positive) == pytest.approx(0.25)
    # one answer for all: nothing is better than anything
    assert youden_threshold(np.full(4, 0.3), positive) == HALF


@given(cases, st.floats(0.01, 0.99))
@settings(max_examples=60)
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_answers_by_a_threshold_are_scored_as_those_at_a_half(
    pairs: list[tuple[float, bool]], threshold: float
) -> None:
    from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

    scores, positive = arrays([(0.02 + 0.96 * score, there) for score, there in pairs])
    logits = np.stack([np.log(1 - scores), np.log(scores)], axis=1).astype(np.float32)
    y = positive.astype(np.int64)
    odds = np.exp(logits.astype(np.float64))
    answers = (odds[:, 1] / odds.sum(axis=1) > threshold).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = {
            "threshold": threshold,
            "accuracy_at_threshold": accuracy_score(y, answers),
            "balanced_accuracy_at_threshold": balanced_accuracy_score(y, answers),
            "macro_f1_at_threshold": f1_score(y, answers, average="macro", zero_division=0),
        }
    given_one, fitted = classification_metrics(logits, y, threshold), classification_metrics(logits, y)
    assert {name: given_one[name] for name in expected} == pytest.approx(expected)
    assert ("threshold" in fitted) == (0 < positive.sum() < len(positive))
    rest = given_one.keys() - expected.keys()
    assert {name: given_one[name] for name in rest} == {name: fitted[name] for name in rest}
    assert fitted.keys() - rest <= {"threshold"}


def test_what_is_fitted_is_what_is_best_by_balanced_accuracy() -> None:
    rng = np.random.default_rng(3)
    y = (rng.random(300) < 0.1).astype(np.int64)  # rare, so that a half is far from the best
    logits = np.stack([np.zeros(300), 2 * y - 3 + rng.normal(size=300)], axis=1).astype(np.float32)
    fitted = classification_metrics(logits, y)["threshold"]
    assert fitted < 0.4
    tested = classification_metrics(logits, y, fitted)
    assert tested["balanced_accuracy_at_threshold"] > tested["balanced_accuracy"] + 0.1
    for other in np.linspace(0, 1, 101):
        told = classification_metrics(logits, y, float(other))["balanced_accuracy_at_threshold"]
        assert told <= tested["balanced_accuracy_at_threshold"] + 1e-12
