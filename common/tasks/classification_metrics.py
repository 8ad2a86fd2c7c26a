"""How well one node's predictions of classes fit its labels.

How many of a node's predictions are of which class never leaves it, so balanced accuracy, macro-F1 and AUROC are
computed on each node and then averaged: they are not those of the pooled predictions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from common.tasks.base import check_outputs


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
        ``loss``, the mean cross entropy in nats; and ``auroc``, the area under the ROC curve of each class against
        the rest, mean over the classes, where `y` has an example of every class. The definitions are scikit-learn's,
        that of ``auroc`` its ``roc_auc_score(y, softmax, multi_class="ovr", average="macro")``.

    Raises
    ------
    DataError
        There are no examples, the shapes do not fit, or a logit is not finite: the model diverged,
        and has no score.
    """
    check_outputs(logits, y)
    classes = logits.shape[1]
    predicted = logits.argmax(axis=1)
    support = np.bincount(y, minlength=classes)
    claimed = np.bincount(predicted, minlength=classes)
    hits = np.bincount(y[predicted == y], minlength=classes)
    recall = hits[support > 0] / support[support > 0]
    seen = support + claimed > 0
    f1 = 2 * hits[seen] / (support + claimed)[seen]  # 2 TP / (2 TP + FN + FP)
    logs = _log_softmax(logits)
    metrics = {
        "accuracy": float(hits.sum() / len(y)),
        "balanced_accuracy": float(recall.mean()),
        "macro_f1": float(f1.mean()),
        "loss": float(-logs[np.arange(len(y)), y].mean()),
    }
    return {**metrics, "auroc": _auroc(np.exp(logs), y)} if support.all() else metrics


def _log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = logits.astype(np.float64)
    wide -= wide.max(axis=1, keepdims=True)
    logs: NDArray[np.float64] = wide - np.log(np.exp(wide).sum(axis=1, keepdims=True))
    return logs


def _auroc(probabilities: NDArray[np.float64], y: NDArray[np.int64]) -> float:
    """Return how often an example of a class has a higher probability of it than one of another, mean over the classes.

    Equal probabilities count half. By the sum of ranks (Mann & Whitney, Annals of Mathematical Statistics 18, 1947),
    equal ones having their mean rank. Every class has an example, and there are two classes at least.
    """
    areas = []
    for label, column in enumerate(probabilities.T):
        own = y == label
        _, place, counts = np.unique(column, return_inverse=True, return_counts=True)
        ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
        positive, negative = int(own.sum()), int((~own).sum())
        areas.append((ranks[own].sum() - positive * (positive + 1) / 2) / (positive * negative))
    return float(np.mean(areas))
