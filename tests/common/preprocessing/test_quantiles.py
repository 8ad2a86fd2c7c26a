"""Median and quartiles from counts below fixed cuts."""

import numpy as np
import pytest

from common.errors import ConfigError
from common.preprocessing.base import Inputs, total
from common.preprocessing.quantiles import BINS, Quantiles
from common.preprocessing.scaling import Scaling
from common.seeding import generator
from common.settings import PreprocessingSettings

RANGE = (0.0, 128.0)
INPUTS = Inputs((2,), (0, 1), True, {1: RANGE})
BIN = (RANGE[1] - RANGE[0]) / BINS


def column(values):
    values = np.asarray(values, np.float32)
    return np.stack([np.zeros_like(values), values], axis=1)


def fit(floor, *nodes):
    sums = {str(number): Quantiles().measured(column(values), INPUTS, floor) for number, values in enumerate(nodes)}
    return Quantiles().fit(total(sums), INPUTS)


def test_counts_by_hand():
    sums = Quantiles().over(column([0.0, 2.0, 2.1, 127.0, np.nan]), INPUTS)  # cuts are at 2, 4, 6 ...
    assert sums.values["count"] == (4.0,)
    assert [sums.values[f"to_{number}"] for number in (1, 2, 3, BINS - 1)] == [(2.0,), (3.0,), (3.0,), (3.0,)]


def test_quartiles_are_those_of_all_nodes_to_within_a_bin():
    rng = generator(0, "quartiles")
    nodes = [np.clip(rng.normal(60 + 5 * node, 15, 400), *RANGE) for node in range(3)]
    pooled = np.concatenate(nodes)
    low, median, high = np.quantile(pooled, (0.25, 0.5, 0.75))
    ((place, (center, deviation)),) = fit(1, *nodes).items()
    assert place == 1
    assert center == pytest.approx(median, abs=BIN)
    assert deviation * 1.349 == pytest.approx(high - low, abs=2 * BIN)


def test_rounding_moves_a_quartile_by_the_examples_that_it_hides():
    rng = generator(1, "quartiles")
    nodes = [rng.uniform(*RANGE, 200) for _ in range(4)]
    hidden = 10 * len(nodes) / 800
    exact, rounded = fit(1, *nodes)[1], fit(10, *nodes)[1]
    assert rounded[0] == pytest.approx(exact[0], abs=hidden * (RANGE[1] - RANGE[0]))


def test_few_extreme_values_do_not_move_it():
    rng = generator(2, "quartiles")
    values = rng.uniform(50, 60, 500)
    extreme = np.concatenate([values, np.full(20, 128.0)])
    assert fit(1, extreme)[1][0] == pytest.approx(fit(1, values)[1][0], abs=BIN)
    assert fit(1, extreme)[1][1] < 2 * fit(1, values)[1][1]
    assert Scaling.of(column(extreme), INPUTS).std[1] > 3 * fit(1, extreme)[1][1]


def test_what_does_not_vary_has_the_deviation_of_a_bin():
    assert fit(1, np.full(30, 64.0)) == {1: (pytest.approx(64.0, abs=BIN), pytest.approx(BIN / 1.349))}


def test_of_a_column_that_nobody_tells_nothing_is_known():
    x = column([5.0] * 9 + [np.nan] * 30)
    assert Quantiles().measured(x, INPUTS, 10) is None


def test_it_is_fitted_over_the_federation():
    assert PreprocessingSettings(scale="quantiles").statistics == ("moments", "quantiles")
    assert PreprocessingSettings().statistics == ("moments",)
    with pytest.raises(ConfigError, match="fitted over the federation"):
        PreprocessingSettings(scope="node", scale="quantiles")
