"""How well one node's predictions of several labels fit: each label by itself, and all of an example together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from common.tasks.binary_metrics import average_precision, roc_area
from common.tasks.checks import check_outputs


def multilabel_metrics(logits: NDArray[np.float32], y: NDArray[np.int64]) -> dict[str, float]:
    """Score one node's predictions.

    Parameters
    ----------
    logits : NDArray
        float32, shape ``(n, labels)``; a label is answered where its probability is above 0.5.
    y : NDArray
        int64, shape ``(n, labels)``: 1 where the label is there, else 0.

    Returns
    -------
    dict of str to float
        ``loss``, the mean cross entropy over examples and labels, in nats; ``micro_f1`` over all answers together, 1
        where no label is there and none answered; ``subset_accuracy``, the part of the examples of which all labels are
        right. Over the labels that some examples have and others have not, ``average_precision`` and ``auroc``, the
        means of these; over those that some example has, ``macro_f1``. Where there is no such label a node has no such
        score. The definitions are scikit-learn's, with ``zero_division=1`` for the micro F1.

    Raises
    ------
    DataError
        There are no examples, the shapes do not fit, or a logit is not finite.
    """
    check_outputs(logits, y)
    there, answers, wide = y == 1, logits > 0, logits.astype(np.float64)
    support, claimed, hits = there.sum(axis=0), answers.sum(axis=0), (there & answers).sum(axis=0)
    total = int(support.sum() + claimed.sum())
    losses = np.maximum(wide, 0) - wide * there + np.log1p(np.exp(-np.abs(wide)))
    metrics = {
        "loss": float(losses.mean()),
        "micro_f1": float(2 * hits.sum() / total) if total else 1.0,
        "subset_accuracy": float((there == answers).all(axis=1).mean()),
    }
    if (held := np.flatnonzero(support)).size:
        metrics["macro_f1"] = float((2 * hits[held] / (support + claimed)[held]).mean())
    both = [label for label in held if support[label] < len(y)]
    if both:
        columns = [(wide[:, label], there[:, label]) for label in both]
        metrics["average_precision"] = float(np.mean([average_precision(*column) for column in columns]))
        metrics["auroc"] = float(np.mean([roc_area(*column) for column in columns]))
    return metrics
