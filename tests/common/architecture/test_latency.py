import json

import numpy as np
import pytest

from common.architecture import operations as ops
from common.architecture.latency import (
    FORWARD,
    OPTIMIZER,
    STEP,
    Coefficients,
    Load,
    Profile,
    Table,
    fit,
    latency,
    loads,
)
from common.errors import ConfigError
from tests.support.graphs import chain

GRAPH = chain((3, 8), ops.Convolution(16, 3), ops.Activation("relu"))
# convolution 3 x 8 -> 16 x 8, relu, mean, head 16 -> 5
MACS, HEAD_MACS = 8 * 16 * 3 * 3, 16 * 5


def flat(call=0.0, mac=0.0, byte=0.0, families=None):
    """A table in which all families are alike."""
    names = families or ["convolution_1d", "relu", "global_pool_avg", "linear", FORWARD, STEP, OPTIMIZER]
    return dict.fromkeys(names, Coefficients(call, mac, byte))


def profile(scoring, training=None, threads=1):
    return Profile("cpu", "2.13.0", {threads: Table(scoring, training or scoring)})


def test_calls_are_those_of_all_nodes_and_of_the_pass():
    assert latency(GRAPH, profile(flat(call=1.0)), 4, training=False) == 4 + 1
    # and in training the loss, and the optimizer for each weight and bias
    assert latency(GRAPH, profile(flat(call=1.0)), 4, training=True) == 4 + 1 + 1 + 4


def test_multiply_accumulates_count_for_each_gradient():
    assert latency(GRAPH, profile(flat(mac=1.0)), 4, training=False) == 4 * (MACS + HEAD_MACS)
    # forward and weights; the head also hands on the gradient of what it reads, the first layer reads the input
    assert latency(GRAPH, profile(flat(mac=1.0)), 4, training=True) == 4 * (2 * MACS + 3 * HEAD_MACS)


def test_bytes_are_what_is_read_written_copied_and_weights():
    touched = {load.family: load.bytes for load, _ in loads(GRAPH, 4, training=True)}
    assert touched == {
        "convolution_1d": 4 * (4 * (3 * 8 + 16 * 8 + 2 * 16 * 8) + 16 * 3 * 3 + 16),  # copies of 16 channels each
        "relu": 4 * 4 * 2 * 16 * 8,
        "global_pool_avg": 4 * 4 * (16 * 8 + 16),
        "linear": 4 * (4 * (16 + 5) + 16 * 5 + 5),
        FORWARD: 4 * 4 * 3 * 8,
        STEP: 4 * 4 * 5,
        OPTIMIZER: 4 * (16 * 3 * 3 + 16 + 16 * 5 + 5),
    }


def test_what_is_not_trained_takes_as_long_as_in_scoring():
    graph = chain((3, 8), ops.ExampleNorm())
    names = ["example_norm", "global_pool_avg", "linear", FORWARD, STEP, OPTIMIZER]
    told = profile(flat(call=1.0, families=names), flat(call=100.0, families=["linear", STEP, OPTIMIZER]))
    assert latency(graph, told, 4, training=True) == 3 * 1.0 + 2 * 100.0 + 2 * 100.0


def test_a_recurrent_layer_calls_once_a_step():
    (load, _), *_ = loads(chain((3, 8), ops.GRU(4)), 2, training=False)
    assert (load.family, load.calls, load.macs) == ("gru", 8, 2 * 8 * 3 * 4 * (3 + 4))


def test_a_batch_takes_the_threads_that_it_is_worth():
    tables = {threads: Table(flat(call=1 / threads), flat(call=1 / threads)) for threads in (1, 2, 4)}
    told = Profile("cpu", "2.13.0", tables)
    a_thread = 5_000_000 // (MACS + HEAD_MACS)  # examples, rounded down: a little less than a thread's worth
    for batch, threads in ((1, 1), (a_thread, 1), (2 * (a_thread + 1), 2), (3 * (a_thread + 1), 2), (10 * a_thread, 4)):
        assert latency(GRAPH, told, batch, training=False) == 5 / threads


def test_a_family_that_was_not_measured_is_named():
    with pytest.raises(ConfigError, match=r"each family of operations .*, got 'relu'.*flwr-nas profile"):
        latency(GRAPH, profile(flat(families=["convolution_1d"])), 4, training=False)


def test_coefficients_come_back_from_what_they_give():
    true = Coefficients(2e-6, 3e-10, 5e-11)
    some = [
        Load("x", calls, macs, size)
        for calls, macs, size in ((1, 10, 900), (1, 90_000, 70), (3, 4000, 80_000), (2, 7, 1))
    ]
    found = fit([(load, true.seconds(load)) for load in some])
    assert (found.call, found.mac, found.byte) == pytest.approx((true.call, true.mac, true.byte))


def test_no_coefficient_is_negative_where_the_best_would_be():
    # twice the bytes in less time: the unconstrained line falls, so bytes are free, and the call is a mean
    slow, fast = (Load("x", 1, 0, 1000), 2.0), (Load("x", 1, 0, 2000), 1.0)
    found = fit([slow, fast])
    assert found.mac == found.byte == 0
    # of the relative errors c / 2 - 1 and c - 1 the squares are least at c = (1/2 + 1) / (1/4 + 1)
    assert found.call == pytest.approx(1.5 / 1.25)


def test_errors_are_relative():
    # one coefficient for 1 s and 1000 s that both differ from the line by a tenth, up and down
    found = fit([(Load("x", 0, 100, 0), 1.1), (Load("x", 0, 100_000, 0), 900.0)])
    rows = np.array([100 / 1.1, 100_000 / 900])
    assert found.mac == pytest.approx(rows.sum() / np.square(rows).sum())


def test_a_profile_goes_through_json_and_comes_back():
    tables = {threads: Table(flat(1e-6, 2e-10, 3e-11), flat(2e-6)) for threads in (1, 2)}
    told = Profile("cpu", "2.13.0", tables)
    assert Profile.from_json(told.to_json()) == told
    assert Profile.from_json(told.to_json()).to_json() == told.to_json()


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"tables": {}},
        {"tables": {"2": {"scoring": {}, "training": {}}}},
        {"tables": {"1": {"scoring": {"x": {"call": -1.0, "mac": 0.0, "byte": 0.0}}, "training": {}}}},
        {"tables": {"1": {"scoring": {"x": {"call": float("nan"), "mac": 0.0, "byte": 0.0}}, "training": {}}}},
        {"tables": {"1": {"scoring": {"x": {"call": 1.0}}, "training": {}}}},
        {"tables": [1]},
        {"device": 3},
    ],
)
def test_what_is_no_profile_is_refused(change):
    values = json.loads(profile(flat(1.0)).to_json()) | change
    with pytest.raises(ConfigError, match="A profile"):
        Profile.from_json(json.dumps(values))


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "3"])
def test_what_is_no_json_of_a_profile_is_refused(text):
    with pytest.raises(ConfigError, match="A profile"):
        Profile.from_json(text)
