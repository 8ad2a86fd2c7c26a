"""A classifier that answers one class only, told by metrics of real predictions."""

from __future__ import annotations

import numpy as np
import pytest

from common.tasks.classification_metrics import classification_metrics
from server_app.one_class import one_class

LABELS = {"a": [0, 0, 0, 1, 2], "b": [0, 1, 1], "c": [1, 2, 2, 2]}


def nodes(answer, labels=LABELS):
    """Return each node's metrics of a model that answers what `answer` says of a label, and its accuracy over all."""
    found, hits, total = [], 0, 0
    for own in labels.values():
        logits = np.eye(3, dtype=np.float32)[[answer(label) for label in own]]
        found.append(classification_metrics(logits, np.array(own)))
        hits += sum(answer(label) == label for label in own)
        total += len(own)
    return found, hits / total


@pytest.mark.parametrize("label", [0, 1, 2])
def test_whichever_class_it_is(label):
    metrics, accuracy = nodes(lambda _: label)
    assert one_class(metrics, accuracy, 1 / 3)


def test_two_classes_are_not_one():
    metrics, accuracy = nodes(lambda label: min(label, 1))
    assert not one_class(metrics, accuracy, 1 / 3)
    metrics, _ = nodes(lambda label: 2 - label)
    assert not one_class(metrics, 0.0, 1 / 3), "also where it is wrong throughout"


def test_a_model_that_is_right_on_nodes_of_one_class_each_is_not_accused():
    metrics, accuracy = nodes(lambda label: label, {"a": [0, 0], "b": [1, 1, 1]})
    assert accuracy == 1
    assert not one_class(metrics, accuracy, 0.6)
    assert not one_class(metrics, 0.6, 0.6)


def test_a_task_without_classes_has_none():
    assert not one_class([{"mse": 1.0}], 0.0, 1.0)
    assert not one_class([], 0.0, 1.0)
