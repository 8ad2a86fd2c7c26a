"""How much is hoped of a point of which mean and standard deviation are believed; more is better.

Scores are noisy, so the best so far is not the best score, but the most that any trial is believed to be worth: the
plug-in of V. Picheny, T. Wagner and D. Ginsbourger, "A Benchmark of Kriging-Based Infill Criteria for Noisy
Optimization", Structural and Multidisciplinary Optimization 48, 2013.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from server_app.surrogates.gp import Array


def expected_improvement(mean: Array, deviation: Array, best: float) -> Array:
    """Return by how much a point is better than the best, in the mean, where worse counts as 0.

    D. R. Jones, M. Schonlau and W. J. Welch, "Efficient Global Optimization of Expensive Black-Box Functions", Journal
    of Global Optimization 13, 1998, equation 15.

    Parameters
    ----------
    mean, deviation : array of shape (m,)
        What is believed of the points.
    best : float
        What there is already.
    """
    from scipy.special import ndtr  # a tenth of a second, and only needed here

    scale = np.maximum(deviation, 1e-12)
    z = (mean - best) / scale
    return np.asarray((mean - best) * ndtr(z) + scale * np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi))


def per_cost(hope: Array, cost: Array) -> Array:
    """Return what is hoped of a point for each unit of what it costs, which must be known and positive.

    J. Snoek, H. Larochelle and R. P. Adams, "Practical Bayesian Optimization of Machine Learning Algorithms", NeurIPS
    2012, section 3.2: expected improvement per second. They learn what a trial takes; here it is counted.
    """
    return hope / cost


def upper_bound(mean: Array, deviation: Array, kappa: float) -> Array:
    """Return the mean and `kappa` deviations more.

    N. Srinivas, A. Krause, S. M. Kakade and M. Seeger, "Gaussian Process Optimization in the Bandit Setting", ICML
    2010; of a constant `kappa` they prove nothing.
    """
    return np.asarray(mean + kappa * deviation)
