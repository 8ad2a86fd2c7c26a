import itertools

import numpy as np
import pytest
from scipy.stats import multivariate_t, spearmanr

from server_app.surrogates import gp
from server_app.surrogates.gp import Kernel, evidence, fit

LINE = np.array([[-1.0], [0.0], [1.0]])
SCORES = np.array([-1.0, 0.25, 0.75])


@pytest.fixture
def one_kernel(monkeypatch):
    """``one_kernel(share, length, noise)`` leaves nothing to weigh."""

    def choose(share, length, noise):
        monkeypatch.setattr(gp, "_SHARES", (share,))
        monkeypatch.setattr(gp, "_LENGTHS", (length,))
        monkeypatch.setattr(gp, "_NOISES", (noise,))

    return choose


def by_hand(share, length, noise, at):
    """Mean and deviation on LINE after SCORES, from the formulas of the book.

    The mean square of LINE is 2/3, so inner products are 3/2 x x', and squared distances, which are 4/3 in the mean
    with those of inputs to themselves, are (x - x')^2 / (4/3).
    """

    def kernel(a, b):
        linear = 1.5 * np.outer(a, b)
        return share * linear + (1 - share) * np.exp(-(np.subtract.outer(a, b) ** 2) / (4 / 3) / (2 * length**2))

    x = LINE[:, 0]
    covariance = kernel(x, x) + noise * np.eye(3)
    cross = kernel(np.array([at]), x)[0]
    solved = np.linalg.solve(covariance, SCORES)
    variance = (2 + SCORES @ solved) / (2 + 3)  # of the inverse gamma prior worth two observations
    left = kernel(np.array([at]), np.array([at]))[0, 0] - cross @ np.linalg.solve(covariance, cross)
    return cross @ solved, (variance * left) ** 0.5


@pytest.mark.parametrize(("share", "length"), [(0.0, 1.0), (0.5, 2.0), (0.9, 0.5)])
@pytest.mark.parametrize("at", [-1.0, 0.4, 3.0])
def test_mean_and_deviation_are_those_of_the_book(one_kernel, share, length, at):
    one_kernel(share, length, 0.2)
    (mean,), (deviation,) = fit(LINE, SCORES).predict(np.array([[at]]))
    assert (mean, deviation) == pytest.approx(by_hand(share, length, 0.2, at))


def test_the_evidence_is_that_of_students_distribution_up_to_what_no_kernel_changes():
    rng = np.random.default_rng(0)
    shapes = [a @ a.T + np.eye(4) for a in rng.standard_normal((3, 4, 4))]
    y = rng.standard_normal(4)
    expected = [multivariate_t(np.zeros(4), shape, df=2).logpdf(y) for shape in shapes]
    found = [evidence(shape, y) for shape in shapes]
    assert np.diff(found) == pytest.approx(np.diff(expected))


def test_the_likeliest_three_kernels_are_averaged_by_their_evidence():
    def parts():
        products = 1.5 * LINE @ LINE.T, np.subtract.outer(LINE[:, 0], LINE[:, 0]) ** 2 / (4 / 3)
        for share, length, noise in itertools.product(gp._SHARES, gp._LENGTHS, gp._NOISES):
            shape = Kernel(share, length)(*products) + noise * np.eye(3)
            yield multivariate_t(np.zeros(3), shape, df=2).logpdf(SCORES), (share, length, noise)

    best = sorted(parts(), reverse=True)[:3]
    weights = np.exp([value for value, _ in best])
    weights /= weights.sum()
    told = np.array([by_hand(*own, 0.4) for _, own in best])
    mean = weights @ told[:, 0]
    deviation = (weights @ (told[:, 1] ** 2 + told[:, 0] ** 2) - mean**2) ** 0.5
    found = fit(LINE, SCORES).predict(np.array([[0.4]]))
    assert [float(value[0]) for value in found] == pytest.approx([mean, deviation])


def test_a_score_with_more_noise_of_its_own_counts_less(one_kernel):
    one_kernel(0.0, 1.0, 0.05)
    plain, doubted = (fit(LINE, SCORES, extra) for extra in ([], [0.0, 0.0, 1.0]))
    last = LINE[2:]
    assert doubted.predict(last)[0] < plain.predict(last)[0]
    assert doubted.predict(last)[1] > plain.predict(last)[1]


def test_what_is_assumed_changes_no_mean_and_takes_doubt_away():
    belief, points = fit(LINE, SCORES), np.array([[0.5], [2.0], [-3.0]])
    assumed = belief.assuming(points[1:2])
    (mean, deviation), (same, less) = belief.predict(points), assumed.predict(points)
    assert same == pytest.approx(mean)
    assert less[1] < 0.8 * deviation[1]
    assert np.all(less <= deviation + 1e-9)


def test_worlds_are_drawn_as_they_are_believed_in(one_kernel):
    one_kernel(0.5, 1.0, 0.2)
    belief, points = fit(LINE, SCORES), np.array([[0.5], [2.0]])
    rng = np.random.default_rng(0)
    drawn = np.array([belief.sample(points, rng) for _ in range(2000)])
    mean, deviation = belief.predict(points)
    assert np.all(np.abs(drawn.mean(axis=0) - mean) < 4 * deviation / 2000**0.5)
    assert drawn.std(axis=0) == pytest.approx(deviation, rel=4 / (2 * 2000) ** 0.5)


def test_from_thirty_noisy_sums_the_others_are_ranked():
    """Three choices at each of six places, 729 in all; the noise has a tenth of the variance."""
    rng = np.random.default_rng(1)
    keys = np.array(list(itertools.product(range(3), repeat=6)))
    inputs = np.eye(3)[keys].reshape(len(keys), -1)
    worth = rng.standard_normal((6, 3))[np.arange(6), keys].sum(axis=1)
    worth = (worth - worth.mean()) / worth.std()
    seen = rng.choice(len(keys), 30, replace=False)
    scores = worth[seen] + 0.1**0.5 * rng.standard_normal(30)
    mean, _ = fit(inputs[seen], (scores - scores.mean()) / scores.std()).predict(inputs)
    assert spearmanr(mean, worth).statistic > 0.85


def test_equal_inputs_and_equal_scores_are_no_error():
    belief = fit(np.ones((2, 3)), np.zeros(2))
    mean, deviation = belief.predict(np.zeros((1, 3)))
    assert mean[0] == 0
    assert deviation[0] > 0


def test_inputs_that_differ_by_rounding_are_equal():
    """The mean of three tenths is not a tenth; in units of that difference all others would be infinitely far."""
    inputs = np.full((3, 2), 0.1)
    assert np.square(inputs - inputs.mean(axis=0)).sum() > 0
    belief = fit(inputs, np.array([1.0, 0.0, -1.0])).assuming(np.array([[0.1, 0.9], [0.7, 0.3]]))
    means, deviations = belief.predict(np.array([[0.1, 0.1], [0.9, 0.5]]))
    assert np.isfinite([means, deviations]).all()
    assert deviations[1] > deviations[0] > 0
