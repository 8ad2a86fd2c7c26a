import math

import numpy as np
import pytest

from common.architecture.initial import initial_weights
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Conv2d, Linear
from common.architecture.layout import layout, views_of
from common.tasks import Classification, Task

TASK = Task((3, 8, 8), Classification(10))
SPEC = LayeredSpec((Conv2d(64, norm="batch"), Linear(300, skip=-1)))


@pytest.fixture(scope="module")
def tensors():
    return views_of(initial_weights(SPEC.lower(TASK), np.random.default_rng(0)), layout(SPEC.lower(TASK)))


@pytest.mark.parametrize(
    ("name", "fan_in"),
    [
        ("layer0.weight", 3 * 9),
        ("layer0.bias", 3 * 9),
        ("layer1.weight", 64 * 8 * 8),
        ("layer1.bias", 64 * 8 * 8),
        ("layer1_skip.weight", 3),
        ("classifier.weight", 300),
    ],
)
def test_weights_and_biases_are_uniform_within_the_bound_of_their_fan_in(tensors, name, fan_in):
    values, bound = tensors[name].astype(np.float64).ravel(), 1 / math.sqrt(fan_in)
    deviation = bound / math.sqrt(3)  # of a uniform distribution on [-bound, bound]
    assert np.abs(values).max() <= bound * (1 + 1e-6)
    assert np.abs(values).max() > 0.9 * bound
    assert abs(values.mean()) < 5 * deviation / math.sqrt(values.size)
    # its fourth moment is bound^4 / 5, so the variance of the square is bound^4 (1/5 - 1/9)
    assert abs((values**2).mean() - deviation**2) < 5 * bound**2 * math.sqrt((1 / 5 - 1 / 9) / values.size)


def test_norms_start_as_the_identity(tensors):
    for name, value in (("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1)):
        np.testing.assert_array_equal(tensors[f"layer0_norm.{name}"], np.full(64, value, np.float32))


def test_the_same_generator_gives_the_same_weights():
    first, again, other = (initial_weights(SPEC.lower(TASK), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
