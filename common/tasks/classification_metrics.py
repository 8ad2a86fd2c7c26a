"""How well one node's predictions of classes fit its labels.

How many of a node's predictions are of which class never leaves it, so balanced accuracy, macro-F1, AUROC, average
precision and calibration error are computed on each node and then averaged: they are not those of the pooled
predictions. Neither is a threshold that is fitted: the mean over nodes of what is best on each, weighted by examples.
On a node of few examples it is chance which one that is, and where the shares of the classes differ from node to node,
so do the best thresholds, and no single one is best.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from common.tasks.binary_metrics import average_precision, brier_score, calibration_error, roc_area, youden_threshold
from common.tasks.checks import check_outputs

AT_THRESHOLD = "_at_threshold"
"""Ends the names of what answers are worth by a threshold that was fitted before."""


def classification_metrics(
    logits: NDArray[np.float32], y: NDArray[np.int64], threshold: float | None = None
) -> dict[str, float]:
    """Score one node's predictions.

    Parameters
    ----------
    logits : NDArray
        float32, shape ``(n, classes)``; the prediction is the largest, the first of equals.
    y : NDArray
        int64, shape ``(n,)``.
    threshold : float, optional
        Of two classes, the probability of the second above which it is the answer, to be scored too. None: it is not
        known, and one is fitted to these labels.

    Returns
    -------
    dict of str to float
        ``accuracy``; ``balanced_accuracy``, the mean recall over the classes present in `y`;
        ``macro_f1``, the mean F1 over the classes present in `y` or in the predictions;
        ``loss``, the mean cross entropy in nats; and ``auroc``, the area under the ROC curve of each class against
        the rest, mean over the classes, where `y` has an example of every class. The definitions are scikit-learn's,
        that of ``auroc`` its ``roc_auc_score(y, softmax, multi_class="ovr", average="macro")``. Of two classes also
        ``brier`` and ``ece``, the expected calibration error, and where `y` has both ``average_precision`` of the
        second and ``threshold``, as `youden_threshold` fits it; where `threshold` is given that stands there instead,
        with ``accuracy_at_threshold``, ``balanced_accuracy_at_threshold`` and ``macro_f1_at_threshold``.

    Raises
    ------
    DataError
        There are no examples, the shapes do not fit, or a logit is not finite: the model diverged,
        and has no score.
    """
    check_outputs(logits, y)
    classes = logits.shape[1]
    logs = _log_softmax(logits)
    probabilities = np.exp(logs)
    metrics = {
        **_of_answers(logits.argmax(axis=1), y, classes),
        "loss": float(-logs[np.arange(len(y)), y].mean()),
    }
    every = len(np.unique(y)) == classes
    if every:
        metrics["auroc"] = float(
            np.mean([roc_area(column, y == label) for label, column in enumerate(probabilities.T)])
        )
    return {**metrics, **_of_two(probabilities[:, 1], y, threshold, both=every)} if classes == 2 else metrics


def _of_answers(predicted: NDArray[np.int64], y: NDArray[np.int64], classes: int) -> dict[str, float]:
    """Return what is known from the answers alone."""
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
    }


def _of_two(
    probabilities: NDArray[np.float64], y: NDArray[np.int64], threshold: float | None, *, both: bool
) -> dict[str, float]:
    """Return what there is of two classes alone, by the probabilities of the second."""
    positive = y == 1
    metrics = {"brier": brier_score(probabilities, positive), "ece": calibration_error(probabilities, positive)}
    if both:
        metrics["average_precision"] = average_precision(probabilities, positive)
    if threshold is not None:
        answers = _of_answers((probabilities > threshold).astype(np.int64), y, 2)
        return {**metrics, "threshold": threshold, **{name + AT_THRESHOLD: value for name, value in answers.items()}}
    return {**metrics, "threshold": youden_threshold(probabilities, positive)} if both else metrics


def _log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = logits.astype(np.float64)
    wide -= wide.max(axis=1, keepdims=True)
    logs: NDArray[np.float64] = wide - np.log(np.exp(wide).sum(axis=1, keepdims=True))
    return logs
