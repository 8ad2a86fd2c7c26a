"""One class of several: names, numbers, and what may be a score."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from common.errors import DataError, FederationError, ProtocolError, SpecError
from common.tasks import MOST_CLASSES, Classification, Regression

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


@pytest.mark.parametrize("metric", ["balanced_accuracy", "macro_f1", "auroc"])
def test_what_a_score_may_have_lies_where_it_should(metric: str) -> None:
    Classification(2).check_metrics({"accuracy": 0.5, metric: 1.0}, 3)
    for wrong in (-0.1, 1.5):
        with pytest.raises(ProtocolError, match=rf"A score's '{metric}' must lie in \[0, 1\], got"):
            Classification(2).check_metrics({"accuracy": 0.5, metric: wrong}, 3)


def test_a_cross_entropy_is_never_below_0() -> None:
    with pytest.raises(ProtocolError, match="'loss' must lie in"):
        Classification(2).check_metrics({"accuracy": 0.5, "loss": -0.1}, 3)


def test_numbers_from_any_start_agree_across_nodes() -> None:
    """One node has the labels 1 and 3, another 1 to 3: three classes, none of which is 0."""
    held = [(named("1", "3"), 9), (named("1", "2", "3"), 9), (Classification(2, ("2",)), 9)]
    agreed = Classification.agree(held)
    assert agreed == named("1", "2", "3")
    assert agreed.relabel(np.array([0, 1, 1]), named("1", "3")).tolist() == [0, 2, 2]
    assert {agreed.family, *(head.family for head, _ in held)} == {("classification", False)}


def test_numbers_are_sorted_by_what_they_are() -> None:
    assert Classification.agree([(named("10", "9", "-1"), 1)]).classes == ("-1", "9", "10")


def test_classes_without_names_are_called_by_their_numbers() -> None:
    agreed = Classification.agree([(Classification(3), 9), (named("1", "2"), 9)])
    assert agreed == Classification(3)
    assert agreed.relabel(np.array([0, 1]), named("1", "2")).tolist() == [1, 2]
    assert Classification.agree([(Classification(2), 9), (named("1", "3"), 9)]) == named("0", "1", "3")
    assert agreed.misfit(named("1", "2")) is None
    assert "no other classes" in str(agreed.misfit(named("1", "7")))
