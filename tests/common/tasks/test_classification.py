"""One class of several: names, numbers, and scikit-learn's scores."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from common.errors import DataError, FederationError, ProtocolError, SpecError
from common.tasks import MOST_CLASSES, Classification, Regression
from common.tasks.classification import classification_metrics

NAMES = st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=8, unique=True)


def named(*names: str) -> Classification:
    return Classification.of_names(names)


# ---------------------------------------------------------------- names and numbers


@given(own=NAMES, others=NAMES, data=st.data())
def test_every_example_keeps_its_name(own: list[str], others: list[str], data: st.DataObject) -> None:
    agreed = named(*sorted({*own, *others}))
    y = np.array(data.draw(st.lists(st.integers(0, len(own) - 1), max_size=9)), dtype=np.int64)
    numbered = agreed.relabel(y, named(*own))
    assert [agreed.classes[label] for label in numbered] == [own[label] for label in y]
    assert numbered.dtype == np.int64


def test_numbers_stay_as_they_are() -> None:
    y = np.array([1, 0])
    assert Classification(3).relabel(y, Classification(2)) is y
    assert named("cat", "dog").relabel(y, named("cat", "dog")) is y


@pytest.mark.parametrize(
    ("agreed", "own", "rule", "detail"),
    [
        (named("cat", "dog"), Classification(2), "labels of these data are numbers", ""),
        (Classification(2), named("cat", "dog"), "those of these data have names", ""),
        (named("cat", "dog"), named("cat", "Dog", "eel"), "these hold others", "'Dog', 'eel'"),
        (Classification(2), Classification(3), "2 classes at most", "there are 3"),
        (Classification(2), Regression(), "A search for classification needs data for it", ""),
    ],
)
def test_what_was_not_agreed_on_is_refused(agreed, own, rule: str, detail: str) -> None:
    with pytest.raises(DataError, match=rule) as caught:
        agreed.relabel(np.array([0, 1]), own)
    assert caught.value.detail == detail
    assert not any(name in str(caught.value) for name in getattr(own, "classes", ()))


@pytest.mark.parametrize("y", [[0, 3], [-1], [0.0], [[0], [1]]])
def test_labels_are_numbers_of_classes(y: list) -> None:
    with pytest.raises(DataError, match="from 0 to 2, one for each example"):
        Classification(3).check_labels(np.array(y))
    Classification(3).check_labels(np.array([2, 0]))


def test_labels_are_what_is_trained_on_and_what_splits_go_by() -> None:
    y, head = np.array([2, 0]), Classification(3)
    assert head.targets(y) is y
    assert head.strata(y) is y
    assert head.fitted(y) is head


@pytest.mark.parametrize(
    ("count", "names", "rule"),
    [
        (1, (), "at least 2 classes, got 1"),
        (MOST_CLASSES + 1, (), f"{MOST_CLASSES} classes at most"),
        (3, ("a", "b"), "names of 3 classes must be as many"),
        (2, ("a", "a"), "and differ"),
        (3, ("a",), "must be as many"),
    ],
)
def test_a_head_that_makes_no_sense_cannot_be_made(count: int, names: tuple[str, ...], rule: str) -> None:
    with pytest.raises(SpecError, match=rule):
        Classification(count, names)


@pytest.mark.parametrize("name", ["", "a" * 201, "cat\x1b[2J", "\ud800"])
def test_names_from_elsewhere_can_be_printed(name: str) -> None:
    with pytest.raises(SpecError, match="Names must be printable") as caught:
        Classification.from_values({"num_classes": 2, "classes": [name, "dog"], "goes_by": "loss"})
    assert not name or name not in str(caught.value)


# ---------------------------------------------------------------- several nodes


def test_names_are_the_sorted_union_and_numbers_those_of_the_node_with_the_most() -> None:
    names = [(named("walks", "sits"), 9), (named("walks"), 1), (named("lies", "walks"), 5)]
    assert Classification.agree(names) == named("lies", "sits", "walks")
    assert Classification.agree([(Classification(3), 9), (Classification(5), 1)]) == Classification(5)
    assert Classification.agree([(named("x"), 1), (named("y"), 1)]).output_width == 2


def test_one_name_between_them_is_nothing_to_learn() -> None:
    with pytest.raises(FederationError, match="at least 2 classes between them, got 'x'"):
        Classification.agree([(named("x"), 3), (named("x"), 4)])


@pytest.mark.parametrize(
    ("agreed", "own", "rule"),
    [
        (named("sits", "walks"), named("walks", "runs", "flies"), "sits, walks, got ['flies', 'runs']"),
        (named("sits", "walks"), Classification(2), "The classes of this search are names"),
        (Classification(2), named("sits", "walks"), "The classes of this search are numbers"),
        (Classification(3), Classification(4), "must have 3 classes at most, got 4"),
        (Classification(3), Regression(), "This search is for classification, got 'regression'"),
    ],
)
def test_who_joins_later_must_fit(agreed: Classification, own, rule: str) -> None:
    assert rule in str(agreed.misfit(own))


def test_fewer_classes_fit() -> None:
    assert named("sits", "walks").misfit(named("walks")) is None
    assert Classification(3).misfit(Classification(2)) is None


# ---------------------------------------------------------------- scores over the wire


@pytest.mark.parametrize("metrics", [{}, {"loss": 0.3}, {"accuracy": 1.5}, {"accuracy": -0.1}])
def test_an_accuracy_lies_between_0_and_1(metrics: dict[str, float]) -> None:
    with pytest.raises(ProtocolError, match=r"'accuracy', in \[0, 1\]"):
        Classification(2).check_metrics(metrics, 3)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_a_smoothed_loss_spreads_a_part_of_each_target_over_all_classes(smoothing: float) -> None:
    logits = torch.tensor([[2.0, -1.0, 0.5], [0.0, 0.0, 3.0]], dtype=torch.float64)
    targets = torch.tensor([0, 1])
    rows = []
    for row, target in zip(logits.tolist(), targets.tolist(), strict=True):
        negative = [math.log(sum(map(math.exp, row))) - value for value in row]
        rows.append((1 - smoothing) * negative[target] + smoothing * sum(negative) / 3)
    assert Classification(3).loss(smoothing)(logits, targets).item() == pytest.approx(sum(rows) / 2, rel=1e-12)


def test_without_smoothing_the_loss_is_torchs_own_function() -> None:
    assert Classification(3).loss() is Classification(3).loss(0.0) is torch.nn.functional.cross_entropy


def test_a_named_head_tells_its_facts() -> None:
    assert named("a", "b").facts() == {"num_classes": 2, "classes": ["a", "b"]}
    assert replace(Classification(2), num_classes=3).facts() == {"num_classes": 3, "classes": []}


# ---------------------------------------------------------------- what a search goes by


def test_it_goes_by_accuracy_or_by_any_other_of_its_metrics_that_leads_the_report() -> None:
    head = Classification(3)
    assert head.primary == ("accuracy", "max")
    assert [row.title for row in head.rows] == [
        "test accuracy",
        "spread over nodes or people",
        "worst decile of them",
        "balanced accuracy",
        "macro F1",
        "AUROC",
        "test loss",
    ]
    balanced = head.going_by("balanced_accuracy")
    assert balanced.primary == ("balanced_accuracy", "max")
    assert [row.metric for row in balanced.rows] == [
        "balanced_accuracy",
        "balanced_accuracy_std",
        "balanced_accuracy_worst_decile",
        "accuracy",
        "macro_f1",
        "auroc",
        "loss",
    ]
    assert [row.title for row in balanced.rows][:4:3] == ["test balanced accuracy", "accuracy"]
    assert balanced.family == head.family
    assert head.going_by("macs") is head


def test_by_the_loss_less_is_better_and_the_accuracy_decides_ties() -> None:
    head = Classification(3, goes_by="loss")
    assert (head.primary, head.tie) == (("loss", "min"), ("accuracy", "max"))
    assert [row.metric for row in head.rows].count("loss") == 1


def test_classes_are_counted_in_whole_multiples() -> None:
    y = np.repeat([0, 1, 2], [25, 9, 10])
    assert Classification(4).counts(y, 10) == [20, 0, 10, 0]
    assert Classification(4).counts(y, 1) == [25, 9, 10, 0]
    assert named("a", "b", "c").counts(y, 10) == [20, 0, 10]
    assert Classification.of_names(("a",)).counts(y[:25], 10) == [20]  # and none of a class that it does not know


# ---------------------------------------------------------------- metrics


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


@pytest.mark.parametrize("metric", ["balanced_accuracy", "macro_f1", "auroc"])
def test_what_a_score_may_have_lies_where_it_should(metric: str) -> None:
    Classification(2).check_metrics({"accuracy": 0.5, metric: 1.0}, 3)
    for wrong in (-0.1, 1.5):
        with pytest.raises(ProtocolError, match=rf"A score's '{metric}' must lie in \[0, 1\], got"):
            Classification(2).check_metrics({"accuracy": 0.5, metric: wrong}, 3)


def test_a_cross_entropy_is_never_below_0() -> None:
    with pytest.raises(ProtocolError, match="'loss' must lie in"):
        Classification(2).check_metrics({"accuracy": 0.5, "loss": -0.1}, 3)


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
