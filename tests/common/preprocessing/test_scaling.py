"""Scaling: over the federation as over the pooled examples, constants to zero, and no sums of too few examples."""

import math

import numpy as np
import pytest

from common.errors import ProtocolError, SpecError
from common.preprocessing.base import Inputs, Sums, total
from common.preprocessing.scaling import Moments, Scaling
from common.seeding import generator

SHAPES = [(5,), (3, 20), (2, 6, 7)]


def examples(n, shape, seed=0):
    rng = generator(seed, "examples", n, *shape)
    offsets = 10.0 ** rng.integers(-3, 4, size=(shape[0], *[1] * (len(shape) - 1)))
    return ((rng.standard_normal((n, *shape)) + 3) * offsets).astype(np.float32)


def fitted(*nodes):
    moments, inputs = Moments(), Inputs(nodes[0].shape[1:])
    sums_of = {str(number): moments.measured(x, inputs, 1) for number, x in enumerate(nodes)}
    return moments.fit(total(sums_of), inputs)


@pytest.mark.parametrize("shape", SHAPES)
def test_what_nodes_send_gives_mean_and_deviation_of_all_examples_together(shape):
    nodes = [examples(n, shape, seed=n) for n in (11, 300, 40)]
    pooled = np.concatenate(nodes).astype(np.float64)
    over = (0, *range(2, 1 + len(shape)))
    scaling = fitted(*nodes)
    np.testing.assert_allclose(scaling.mean, pooled.mean(axis=over), rtol=1e-12)
    np.testing.assert_allclose(scaling.std, pooled.std(axis=over), rtol=1e-9)
    assert scaling == fitted(*nodes)


def test_the_names_of_the_nodes_decide_the_order_of_the_sum():
    parts = {name: Moments().measured(examples(20, (4,), seed), Inputs((4,)), 1) for seed, name in enumerate("abc")}
    assert total(parts) == total(dict(reversed(parts.items())))


@pytest.mark.parametrize("value", [0.0, 0.1, -1e-20, 123456.789, 1.7e9, 3e18])
def test_a_constant_has_no_deviation_however_large(value):
    x = np.full((1000, 1), value, np.float32)
    assert fitted(x[:10], x[10:]).std == (0.0,)


@pytest.mark.parametrize(("mean", "std"), [(1.7e9, 1e4), (1e-9, 1e-12), (746.0, 314.0)])
def test_what_varies_far_from_zero_is_no_constant(mean, std):
    x = (mean + std * generator(0, "far").standard_normal((5000, 1))).astype(np.float32)
    assert fitted(x).std[0] == pytest.approx(x.astype(np.float64).std(), rel=1e-3)


def test_sums_of_too_few_examples_do_not_leave_a_node():
    x = examples(10, (4,))
    assert Moments().measured(x, Inputs((4,)), 11) is None
    assert Moments().measured(x, Inputs((4,)), 10).examples == 10


@pytest.mark.parametrize(
    "values",
    [
        {"count": (10.0, 10.0), "sum": (1.0,), "square": (1.0,)},
        {"count": (10.0, 10.0), "sum": (1.0, 2.0)},
        {"count": (10.0, 10.0), "sum": (1.0, math.nan), "square": (1.0, 4.0)},
        {"count": (10.0, 10.0), "sum": (1.0, 2.0), "square": (1.0, math.inf)},
        {"count": (10.0, 10.0), "sum": (1.0, 2.0), "square": (-1.0, 4.0)},
        {"count": (10.0, 11.0), "sum": (1.0, 2.0), "square": (1.0, 4.0)},  # of 10 examples
        {"count": (10.0, -1.0), "sum": (1.0, 2.0), "square": (1.0, 4.0)},
        {"count": (10.0, 0.0), "sum": (1.0, 2.0), "square": (1.0, 4.0)},
        {
            "count": (10.0, 10.0),
            "sum": (100.0, 2.0),
            "square": (1.0, 4.0),
        },  # no ten numbers have this sum and these squares
        {"count": (10.0, 10.0), "sum": (1e300, 2.0), "square": (1e300, 4.0)},
    ],
)
def test_sums_that_no_examples_have_are_refused(values):
    with pytest.raises(ProtocolError, match="moments"):
        Moments().check(Sums(10, values), Inputs((2,)))


@pytest.mark.parametrize("shape", SHAPES)
def test_sums_that_examples_have_are_not(shape):
    for x in (examples(12, shape), np.full((12, *shape), 1.7e9, np.float32), np.zeros((12, *shape), np.float32)):
        Moments().check(Moments().measured(x, Inputs(shape), 1), Inputs(shape))


def test_json_goes_there_and_back():
    scaling = Scaling.of(examples(20, (4,)))
    again = Scaling.from_dict(scaling.to_dict())
    assert (again, hash(again)) == (scaling, hash(scaling))
    as_is = Scaling.as_is(4)
    assert Scaling.from_dict(as_is.to_dict()) == as_is
    assert "clipped" not in scaling.to_dict()  # as written by those of before


@pytest.mark.parametrize(
    "values",
    [
        None,
        [],
        {"mean": [1.0]},
        {"mean": [1.0], "std": [1.0], "more": 1},
        {"mean": [1.0], "std": [1.0], "clipped": 1},
        {"mean": [1.0], "std": ["1"]},
        {"mean": [1.0], "std": [1.0, 2.0]},
        {"mean": [1.0], "std": [-1.0]},
        {"mean": [math.nan], "std": [1.0]},
        {"mean": [1.0], "std": [math.inf]},
    ],
)
def test_what_is_no_scaling_is_refused(values):
    with pytest.raises(SpecError):
        Scaling.from_dict(values)


def gapped(n, seed=0):
    x = examples(n, (4,), seed)
    x[generator(seed, "gaps").random(x.shape) < 0.4] = np.nan
    return x


def test_gaps_count_for_nothing():
    nodes, inputs = [gapped(n, n) for n in (40, 700)], Inputs((4,), gaps=True)
    pooled = np.concatenate(nodes).astype(np.float64)
    parts = {str(number): Moments().measured(x, inputs, 1) for number, x in enumerate(nodes)}
    scaling = Moments().fit(total(parts), inputs)
    np.testing.assert_allclose(scaling.mean, np.nanmean(pooled, axis=0), rtol=1e-12)
    np.testing.assert_allclose(scaling.std, np.nanstd(pooled, axis=0), rtol=1e-9)
    assert parts["0"].values["count"] == tuple((~np.isnan(nodes[0])).sum(axis=0).tolist())


def test_what_is_not_fitted_is_left_as_it_is():
    x = examples(50, (4,))
    inputs = Inputs((4,), fitted=(1, 3))
    scaling = Scaling.of(x, inputs)
    whole = Scaling.of(x)
    assert scaling.mean == (0, whole.mean[1], 0, whole.mean[3])
    assert scaling.std == (1, whole.std[1], 1, whole.std[3])
    assert {len(row) for row in Moments().over(x, inputs).values.values()} == {2}


def test_a_column_that_is_empty_becomes_a_constant():
    x = gapped(30)
    x[:, 2] = np.nan
    scaling = Scaling.of(x, Inputs((4,), gaps=True))
    assert (scaling.mean[2], scaling.std[2]) == (0, 0)
