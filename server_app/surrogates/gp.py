"""A Gaussian process: from a few noisy scores to what is believed of others, and how sure that is.

C. E. Rasmussen and C. K. I. Williams, "Gaussian Processes for Machine Learning", MIT Press 2006: equations 2.25 and
2.26 for the mean and the variance, 5.8 for the evidence of a kernel. The kernel is a sum. A linear part says that
each choice does as much good whatever the others are (D. Duvenaud, H. Nickisch and C. E. Rasmussen, "Additive
Gaussian Processes", NeurIPS 2011, to the first order), which a few dozen scores can tell; a squared exponential part
says that networks which differ in little score alike, whatever choices do together. On one-hot encodings the latter
goes by the number of choices in which two differ.

Where we depart: kernels are not climbed to, a small grid of them is weighed by their evidence, and the likeliest are
averaged. There is nothing to get stuck in, nothing to remember, and with a dozen scores no one kernel is believed in
alone. How far scores vary is integrated out in closed form, under an inverse gamma prior worth two observations of
variance 1, so beliefs are Student's; they are taken for normal ones of the same scale.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_SHARES = (0.0, 0.5, 0.9)
"""Part of the variance that is linear: none, half and nearly all."""
_LENGTHS = (0.5, 1.0, 2.0)
"""Of the squared exponential, where the distance of two inputs is 1 in the mean: a half, that, and twice that."""
_NOISES = (0.01, 0.05, 0.2, 1.0)
"""Variance of the noise over that of the rest: from hardly any to as much, in factors of about 4."""
_KEPT = 3
"""Kernels that are averaged, at most; more make predictions dearer and hardly other ones."""
_PRIOR = 2.0
"""Observations that the prior of the variance is worth."""
_JITTER = 1e-6
ROUNDING = 1e-9
"""Of inputs, which are about 1: what differs by less is equal."""


@dataclass(frozen=True)
class Kernel:
    """How far the scores of two inputs go together; 1 for one input with itself, in the mean.

    Parameters
    ----------
    share : float
        Part of the variance that is linear.
    length : float
        Of the squared exponential part.
    """

    share: float
    length: float

    def __call__(self, inner: Array, squared: Array) -> Array:
        """Return the kernel of inner products and squared distances, elementwise."""
        smooth = np.exp(squared * (-0.5 / self.length**2))
        return self.share * inner + (1 - self.share) * smooth if self.share else smooth


def evidence(covariance: Array, y: Array) -> float:
    """Return the logarithm of how likely `y` is, up to a constant: of Student's distribution of this shape.

    Parameters
    ----------
    covariance : array of shape (n, n)
        Of `y`, up to the factor that is integrated out; positive definite.
    y : array of shape (n,)
        With mean 0 under the prior.
    """
    from scipy.linalg import solve_triangular  # a fifth of a second, and only needed here

    half = np.linalg.cholesky(covariance)
    white = solve_triangular(half, y, lower=True, check_finite=False)
    return float(-np.log(np.diag(half)).sum() - 0.5 * (_PRIOR + len(y)) * np.log1p(white @ white / _PRIOR))


@dataclass(frozen=True)
class _Part:
    """What is believed with one kernel."""

    weight: float
    kernel: Kernel
    noise: float
    inverse: Array
    pull: Array
    """The inverse times the scores."""
    variance: float


@dataclass(frozen=True)
class Belief:
    """What is believed of the scores of any inputs.

    Parameters
    ----------
    inputs : array of shape (n, d)
        Where scores were seen, centred and scaled.
    extra : array of shape (n,)
        Variance of the noise of each beside that of all.
    centre, scale : array of shape (d,), float
        By which inputs were brought there.
    parts : tuple
        The likeliest kernels, with weights that sum to 1.
    """

    inputs: Array
    extra: Array
    centre: Array
    scale: float
    parts: tuple[_Part, ...]

    def predict(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of the scores of points, without noise.

        Parameters
        ----------
        points : array of shape (m, d)
            As the inputs of `fit`.

        Returns
        -------
        tuple of arrays of shape (m,)
        """
        points = self._own(points)
        products = _products(points, self.inputs)
        own = np.square(points).sum(axis=1), np.zeros(len(points))
        means, squares = np.zeros(len(points)), np.zeros(len(points))
        for part in self.parts:
            cross = part.kernel(*products)
            mean = cross @ part.pull
            left = part.kernel(*own) - np.einsum("ij,ij->i", cross @ part.inverse, cross)
            means += part.weight * mean
            squares += part.weight * (part.variance * np.maximum(left, 0.0) + mean**2)
        return means, np.sqrt(np.maximum(squares - means**2, 0.0))

    def sample(self, points: Array, rng: np.random.Generator) -> Array:
        """Return scores of points, shape ``(m,)``, of one function that is drawn, without noise."""
        points = self._own(points)
        part = self.parts[int(rng.choice(len(self.parts), p=[part.weight for part in self.parts]))]
        cross = part.kernel(*_products(points, self.inputs))
        left = part.kernel(*_products(points, points)) - cross @ part.inverse @ cross.T
        half = np.linalg.cholesky(left + _JITTER * len(points) * np.eye(len(points)))
        return np.asarray(cross @ part.pull + np.sqrt(part.variance) * half @ rng.standard_normal(len(points)))

    def assuming(self, points: Array) -> Belief:
        """Return what is believed once points have scored what is believed of them: means stay, and doubt shrinks.

        That is the constant liar that believes: D. Ginsbourger, R. Le Riche and L. Carraro, "Kriging Is Well-Suited to
        Parallelize Optimization", 2010, where it is the kriging believer.
        """
        points = self._own(points)
        inputs = np.concatenate([self.inputs, points])
        extra = np.concatenate([self.extra, np.zeros(len(points))])
        products = _products(inputs, inputs)
        parts = []
        for part in self.parts:
            inverse = _inverse(part.kernel(*products) + np.diag(part.noise + extra))
            pull = np.concatenate([part.pull, np.zeros(len(points))])  # what is believed already pulls at nothing
            parts.append(_Part(part.weight, part.kernel, part.noise, inverse, pull, part.variance))
        return Belief(inputs, extra, self.centre, self.scale, tuple(parts))

    def _own(self, points: Array) -> Array:
        return np.asarray((points - self.centre) / self.scale)


def fit(inputs: Array, scores: Array, extra: Sequence[float] | Array = ()) -> Belief:
    """Return what is believed after scores were seen.

    Parameters
    ----------
    inputs : array of shape (n, d)
        Their units tell how much columns matter beside each other.
    scores : array of shape (n,)
        With mean 0 and a variance of about 1; at least one.
    extra : array of shape (n,), optional
        Variance of the noise of each score, beside that of all.
    """
    centre = inputs.mean(axis=0)
    scale = float(np.sqrt(np.square(inputs - centre).sum(axis=1).mean()))
    scale = scale if scale > ROUNDING else 1.0  # all inputs are one
    own = (inputs - centre) / scale
    more = np.asarray(extra, dtype=np.float64) if len(extra) else np.zeros(len(own))
    products = _products(own, own)
    found = []
    for share, length in itertools.product(_SHARES, _LENGTHS):
        kernel = Kernel(share, length)
        values = kernel(*products)
        for noise in _NOISES:
            found.append((evidence(values + np.diag(noise + more), scores), kernel, noise))
    found = sorted(found, key=lambda one: -one[0])[:_KEPT]
    weights = np.exp(np.array([value for value, _, _ in found]) - found[0][0])
    parts = [
        _part(float(weight), kernel, noise, kernel(*products) + np.diag(noise + more), scores)
        for weight, (_, kernel, noise) in zip(weights / weights.sum(), found, strict=True)
    ]
    return Belief(own, more, centre, scale, tuple(parts))


def _part(weight: float, kernel: Kernel, noise: float, covariance: Array, scores: Array) -> _Part:
    inverse = _inverse(covariance)
    pull = inverse @ scores
    variance = (_PRIOR + float(scores @ pull)) / (_PRIOR + len(scores))
    return _Part(weight, kernel, noise, inverse, pull, variance)


def _inverse(covariance: Array) -> Array:
    return np.asarray(np.linalg.inv(covariance), dtype=np.float64)


def _products(a: Array, b: Array) -> tuple[Array, Array]:
    """Return inner products, and squared distances in units in which they are 1 in the mean of all inputs."""
    inner = a @ b.T
    squared = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None, :] - 2 * inner
    return inner, np.maximum(squared, 0.0) / 2
