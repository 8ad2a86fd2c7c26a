"""The softmax of equation 2 of DARTS, over a temperature."""

from __future__ import annotations

import math

import numpy as np

from server_app.darts.mixture import Mixture
from tests.support.mixtures import cell_space


def test_probabilities_are_the_softmax_of_each_place_alone():
    spec = cell_space("nasbench201", nodes=2, operations=["none", "skip", "conv1"]).mixed()
    assert [span.stop - span.start for span in spec.spans] == [3, 3, 3]
    alphas = np.log(np.array([1, 2, 5, 1, 1, 2, 4, 4, 8], np.float32))
    found = Mixture.of(spec, alphas, 1.0).probabilities
    np.testing.assert_allclose(found, [[1 / 8, 2 / 8, 5 / 8], [1 / 4, 1 / 4, 2 / 4], [1 / 4, 1 / 4, 2 / 4]], rtol=1e-6)
    colder = Mixture.of(spec, alphas, 0.5).probabilities
    np.testing.assert_allclose(colder[0], [1 / 30, 4 / 30, 25 / 30], rtol=1e-6)


def test_weights_that_are_large_do_not_overflow():
    spec = cell_space("nasbench201", nodes=1, operations=["skip", "conv1"]).mixed()
    ((first, second),) = Mixture.of(spec, np.array([5000, 5001], np.float32), 0.01).probabilities
    assert first + second == 1.0
    assert math.isfinite(first)


def test_people_are_told_by_place_and_option_with_four_digits():
    spec = cell_space("nasbench201", nodes=1, operations=["none", "skip", "conv1"]).mixed()
    told = Mixture.of(spec, np.zeros(3, np.float32), 1.0).to_dict()
    assert told == {spec.choices[0].place: {"none": 0.3333, "skip": 0.3333, "conv1": 0.3333}}
