"""How well the probabilities of something that is there or not fit the truth, and from which one on to say that it is.

They are of one node's examples. What leaves the node is the number, and over nodes it is the mean of these, weighted by
examples: of average precision and calibration error that is not what all examples together would give.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BINS = 15
"""Of the expected calibration error; as in section 3 of its paper."""

HALF = 0.5
"""The threshold of a model that answers the more likely of two classes."""

Mask = NDArray[np.bool_]
Numbers = NDArray[np.float64]


def average_precision(scores: Numbers, positive: Mask) -> float:
    """Return the mean precision over the examples that are positive, as they are found by falling score.

    Examples of one score are found together. It is scikit-learn's ``average_precision_score``.

    Parameters
    ----------
    scores : NDArray
        float64, shape ``(n,)``; more says rather positive.
    positive : NDArray
        bool, shape ``(n,)``; at least one is True.
    """
    order = np.argsort(-scores, kind="stable")
    falling, found = scores[order], np.cumsum(positive[order])
    last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))
    steps = np.diff(found[last], prepend=0)
    return float((steps * found[last] / (last + 1)).sum() / found[-1])


def roc_area(scores: Numbers, positive: Mask) -> float:
    """Return how often a positive example has a higher score than one that is not; equal ones count half.

    By the sum of ranks (Mann & Whitney, Annals of Mathematical Statistics 18, 1947), equal ones having their mean rank.

    Parameters
    ----------
    scores, positive : NDArray
        As in `average_precision`, and at least one is not positive.
    """
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    there, others = int(positive.sum()), int((~positive).sum())
    return float((ranks[positive].sum() - there * (there + 1) / 2) / (there * others))


def brier_score(probabilities: Numbers, positive: Mask) -> float:
    """Return the mean squared error of probabilities (Brier, Monthly Weather Review 78, 1950), of one class of two."""
    return float(((probabilities - positive) ** 2).mean())


def calibration_error(probabilities: Numbers, positive: Mask) -> float:
    """Return the expected calibration error of answers to a question with two answers.

    C. Guo, G. Pleiss, Y. Sun & K. Q. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, equation 3: the
    mean distance between how sure answers are and how often they are right, over bins of equal width of the
    probability of the answer that is given, weighted by examples. Of few examples it is mostly chance, and too large.

    Parameters
    ----------
    probabilities : NDArray
        float64, shape ``(n,)``: of being positive.
    positive : NDArray
        bool, shape ``(n,)``.
    """
    answers = probabilities > HALF
    sure = np.where(answers, probabilities, 1 - probabilities)
    bins = np.clip(np.ceil(sure * BINS).astype(np.int64) - 1, 0, BINS - 1)
    gaps = np.bincount(bins, (answers == positive) - sure, BINS)
    return float(np.abs(gaps).sum() / len(positive))


def youden_threshold(probabilities: Numbers, positive: Mask) -> float:
    """Return above which probability to say positive, so that the recalls of both classes sum to most.

    That is the maximum of J, sensitivity + specificity - 1 (W. J. Youden, "Index for rating diagnostic tests", Cancer
    3, 1950), and so of balanced accuracy. Candidates are `HALF` and the middles between neighbouring probabilities; of
    equals it is the one next to `HALF`, for what a few examples cannot tell apart is not to be moved, and `HALF` itself
    where none is better than chance.

    Parameters
    ----------
    probabilities : NDArray
        float64, shape ``(n,)``: of being positive.
    positive : NDArray
        bool, shape ``(n,)``; at least one is True, and one False.
    """
    values = np.unique(probabilities)
    cuts = np.append((values[1:] + values[:-1]) / 2, HALF)
    there, others = np.sort(probabilities[positive]), np.sort(probabilities[~positive])
    missed = np.searchsorted(there, cuts, side="right")
    refused = np.searchsorted(others, cuts, side="right")
    worth = (len(there) - missed) * len(others) + refused * len(there)  # J, but for a constant and a factor: whole
    if worth.max() <= len(there) * len(others):  # a J of 0
        return HALF
    best = cuts[worth == worth.max()]
    return float(best[np.argmin(np.abs(best - HALF))])
