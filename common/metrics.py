"""Scores of a classifier on one node, and what they come to over all nodes.

Counts per label never leave a node, so balanced accuracy and macro-F1 are computed on each node and
then averaged: they are not those of the pooled predictions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from common.errors import DataError


def classification_metrics(logits: NDArray[np.float32], y: NDArray[np.int64]) -> dict[str, float]:
    """Score one node's predictions.

    Parameters
    ----------
    logits : NDArray
        float32, shape ``(n, classes)``; the prediction is the largest, the first of equals.
    y : NDArray
        int64, shape ``(n,)``.

    Returns
    -------
    dict of str to float
        ``accuracy``; ``balanced_accuracy``, the mean recall over the classes present in `y`;
        ``macro_f1``, the mean F1 over the classes present in `y` or in the predictions;
        ``loss``, the mean cross entropy in nats. The definitions are scikit-learn's.

    Raises
    ------
    DataError
        There are no examples, the shapes do not fit, or a logit is not finite: the model diverged,
        and has no score.
    """
    if logits.ndim != 2 or len(logits) != len(y) or not len(y):
        raise DataError("Scores need logits (n, classes) and n labels, with n above 0", (logits.shape, y.shape))
    if not np.isfinite(logits).all():
        raise DataError("A model's outputs must be finite, and this one's are not", fix="Lower training.learning_rate")
    classes = logits.shape[1]
    predicted = logits.argmax(axis=1)
    support = np.bincount(y, minlength=classes)
    claimed = np.bincount(predicted, minlength=classes)
    hits = np.bincount(y[predicted == y], minlength=classes)
    recall = hits[support > 0] / support[support > 0]
    seen = support + claimed > 0
    f1 = 2 * hits[seen] / (support + claimed)[seen]  # 2 TP / (2 TP + FN + FP)
    return {
        "accuracy": float(hits.sum() / len(y)),
        "balanced_accuracy": float(recall.mean()),
        "macro_f1": float(f1.mean()),
        "loss": _cross_entropy(logits, y),
    }


def _cross_entropy(logits: NDArray[np.float32], y: NDArray[np.int64]) -> float:
    wide = logits.astype(np.float64)
    wide -= wide.max(axis=1, keepdims=True)
    log_total = np.log(np.exp(wide).sum(axis=1))
    return float((log_total - wide[np.arange(len(y)), y]).mean())


def summarise(values: Sequence[float], weights: Sequence[float]) -> dict[str, float]:
    """Sum up one metric over nodes; exactly the same in whatever order the nodes come.

    Parameters
    ----------
    values : sequence of float
        The metric on each node.
    weights : sequence of float
        Examples behind each value.

    Returns
    -------
    dict of str to float
        ``mean``, weighted; ``std`` over nodes, unweighted, 0 for one node; ``worst_decile``, the mean of
        the lowest tenth of the nodes, rounded down but at least one (for a metric where more is better).

    Raises
    ------
    DataError
        A number is not finite, there are not as many weights as values, or no weight is above 0.
    """
    numbers = all(math.isfinite(value) for value in (*values, *weights))
    if not numbers or len(values) != len(weights) or min(weights, default=0) < 0 or not sum(weights) > 0:
        raise DataError("A mean over nodes needs values with weights above 0", (list(values), list(weights)))
    total = math.fsum(weights)
    centre = math.fsum(values) / len(values)
    variance = math.fsum((value - centre) ** 2 for value in values) / len(values)
    worst = sorted(values)[: max(1, len(values) // 10)]
    return {
        "mean": math.fsum(value * weight for value, weight in zip(values, weights, strict=True)) / total,
        "std": math.sqrt(variance),
        "worst_decile": math.fsum(worst) / len(worst),
    }
