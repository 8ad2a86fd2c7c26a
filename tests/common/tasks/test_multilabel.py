"""Several labels for each example: what they are, how they are scored and split, and what nodes agree on."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from common.errors import DataError, ProtocolError, SpecError
from common.tasks import Classification, Multilabel
from common.tasks.multilabel_metrics import multilabel_metrics

NAMED = Multilabel(3, ("ant", "bee", "cat"))
MIXED = ("cat", "ant", "bee")


@st.composite
def cases(draw):
    shape = draw(st.integers(1, 12)), draw(st.integers(2, 4))
    y = draw(arrays.arrays(np.int64, shape, elements=st.integers(0, 1)))
    logit = st.one_of(st.sampled_from([-2.0, 0.0, 1.0, 3.0]), st.floats(-20, 20, width=32))
    return draw(arrays.arrays(np.float32, shape, elements=logit)), y


@given(cases())
@settings(max_examples=150, deadline=None)
def test_scores_are_scikit_learns(case: tuple[np.ndarray, np.ndarray]) -> None:
    from sklearn.metrics import average_precision_score, f1_score, log_loss, roc_auc_score

    logits, y = case
    answers = (logits > 0).astype(int)
    wide = logits.astype(np.float64)
    probabilities = 1 / (1 + np.exp(-wide))
    both = [label for label in range(y.shape[1]) if 0 < y[:, label].sum() < len(y)]
    held = np.flatnonzero(y.sum(axis=0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = {
            "micro_f1": f1_score(y, answers, average="micro", zero_division=1),
            "subset_accuracy": float((y == answers).all(axis=1).mean()),
            "loss": np.mean([log_loss(y[:, at], probabilities[:, at], labels=[0, 1]) for at in range(y.shape[1])]),
        }
        if len(held):
            expected["macro_f1"] = np.mean([f1_score(y[:, at], answers[:, at], zero_division=0) for at in held])
        if both:
            expected["average_precision"] = np.mean([average_precision_score(y[:, at], wide[:, at]) for at in both])
            expected["auroc"] = np.mean([roc_auc_score(y[:, at], wide[:, at]) for at in both])
    scores = multilabel_metrics(logits, y)
    assert scores == pytest.approx(expected, rel=1e-6, abs=1e-9)
    Multilabel(y.shape[1]).check_metrics(scores, len(y))


def test_scores_by_hand() -> None:
    y = np.array([[1, 0], [0, 0], [1, 0]])
    logits = np.array([[2, 1], [1, -1], [-1, -1]], np.float32)
    scores = multilabel_metrics(logits, y)
    # of the first label 1 of 2 is found, and 1 of 2 answers is right; of the second nobody has it and 1 is answered
    assert scores["micro_f1"] == pytest.approx(2 * 1 / (2 + 3))
    assert scores["macro_f1"] == pytest.approx(2 * 1 / (2 + 2))  # the second label has no score
    assert scores["subset_accuracy"] == 0
    # by falling logit: there, not there, there
    assert scores["average_precision"] == pytest.approx((1 + 2 / 3) / 2)
    assert scores["auroc"] == pytest.approx(1 / 2)
    log_odds = [-2, 1, 1, -1, 1, -1]  # of being wrong
    assert scores["loss"] == pytest.approx(np.mean([math.log1p(math.exp(wrong)) for wrong in log_odds]))


def test_the_loss_is_finite_for_huge_logits() -> None:
    assert multilabel_metrics(np.array([[3e38, -3e38]], np.float32), np.array([[1, 0]]))["loss"] == 0


def test_what_is_trained_on_and_what_comes_out() -> None:
    y = np.array([[1, 0, 1], [0, 0, 1]])
    assert NAMED.targets(y).dtype == np.float32
    assert NAMED.readout()(torch.zeros(1, 3)).tolist() == [[0.5] * 3]
    outputs = torch.tensor([[1.0, -1.0, 0.0], [0.5, 2.0, 0.0]], dtype=torch.float64)
    targets = torch.from_numpy(NAMED.targets(y)).double()
    negative = [
        math.log1p(math.exp(-x if there else x)) for x, there in zip(outputs.flatten().tolist(), y.flat, strict=True)
    ]
    assert NAMED.loss()(outputs, targets).item() == pytest.approx(np.mean(negative))
    assert NAMED.loss()(outputs, targets).item() == pytest.approx(NAMED.metrics(outputs.float().numpy(), y)["loss"])
    # half of what is smoothed away goes to the other answer
    soft = (0.8 + 0.1) * torch.tensor(negative) + 0.1 * torch.tensor(
        [math.log1p(math.exp(x if there else -x)) for x, there in zip(outputs.flatten().tolist(), y.flat, strict=True)]
    )
    assert NAMED.loss(0.2)(outputs, targets).item() == pytest.approx(soft.mean().item())


def test_weighted_is_what_is_there() -> None:
    head = NAMED.balanced_by([2.0, 3.0, 4.0])
    y, outputs = np.array([[1, 0, 1]]), torch.tensor([[1.0, 1.0, 1.0]])
    right, wrong = math.log1p(math.exp(-1)), math.log1p(math.exp(1))
    targets = torch.from_numpy(head.targets(y))
    assert head.loss(balanced=True)(outputs, targets).item() == pytest.approx((2 * right + wrong + 4 * right) / 3)
    # 20 of 100 have it: 4 are without for each with it
    assert head.weights_of(np.array([20.0, 50.0]), 100).tolist() == [4, 1]


def test_splits_go_by_the_rarest_label_of_an_example() -> None:
    y = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0], [1, 1, 1], [1, 0, 1], [1, 1, 0]])
    # 5 have the first, 3 the second and 2 the third
    assert NAMED.strata(y).tolist() == [2, 1, 0, 3, 3, 2]


@pytest.mark.parametrize(
    "y",
    [
        np.zeros((2, 2), np.int64),
        np.zeros(3, np.int64),
        np.zeros((2, 3), np.float32),
        np.full((2, 3), 2),
        np.full((2, 3), -1),
    ],
)
def test_what_are_no_labels_is_refused(y: np.ndarray) -> None:
    with pytest.raises(DataError, match="0 or 1, 3 whole numbers"):
        NAMED.check_labels(y)


def test_columns_go_where_their_names_are() -> None:
    y = np.array([[1, 0, 0], [0, 1, 1]])  # cat; ant and bee
    own = Multilabel(3, MIXED)
    assert NAMED.places(own).tolist() == [2, 0, 1]
    assert NAMED.relabel(y, own).tolist() == [[0, 0, 1], [1, 1, 0]]
    assert Multilabel.agree([(own, 3), (NAMED, 5)]) == NAMED


@pytest.mark.parametrize(
    "own", [Multilabel(3, ("ant", "bee", "dog")), Multilabel(4), Multilabel(3), Multilabel(2, MIXED[:2])]
)
def test_who_has_other_labels_has_no_part(own: Multilabel) -> None:
    assert own.family != NAMED.family
    assert isinstance(NAMED.misfit(own), ProtocolError)
    with pytest.raises(DataError, match="the 3 labels that were agreed on"):
        NAMED.relabel(np.zeros((2, own.num_labels), np.int64), own)
    with pytest.raises(DataError, match="these are for classification"):
        NAMED.relabel(np.zeros(2, np.int64), Classification(3))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"num_labels": 1, "labels": []}, "2 to 4096 labels"),
        ({"num_labels": 10**9, "labels": []}, "2 to 4096 labels"),
        ({"num_labels": "3"}, "must be a whole number"),
        ({"labels": ["a", "a", "b"]}, "must be as many, and differ"),
        ({"labels": ["a"]}, "must be as many"),
        ({"labels": "abc"}, "must be a list of texts"),
        ({"labels": ["a", "b", "\n"]}, "printable"),
        ({"goes_by": "accuracy"}, "one of average_precision"),
        ({"goes_by": 3}, "must be a text"),
        ({"class_weights": [1.0]}, "3 classes have as many weights"),
        ({"class_weights": None}, "must be a list of numbers"),
    ],
)
def test_json_that_is_no_head_is_refused(change: dict, rule: str) -> None:
    with pytest.raises(SpecError, match=rule):
        Multilabel.from_values({**NAMED.to_dict(), **change})


def test_the_constant_model_comes_to_the_frequencies_by_its_rate() -> None:
    """Gradient descent on the bias alone, with the mean loss over examples and labels, in 30 steps."""
    y = np.zeros((1000, 3), np.int64)
    y[:20, 0] = y[:300, 1] = y[:950, 2] = 1
    bias, targets = torch.zeros(3, requires_grad=True), torch.from_numpy(NAMED.targets(y))
    for _ in range(30):
        NAMED.loss()(bias.expand(1000, 3), targets).backward()
        with torch.no_grad():
            bias -= NAMED.constant_rate * bias.grad
        bias.grad = None
    assert bias.sigmoid().tolist() == pytest.approx([0.02, 0.3, 0.95], abs=0.02)
