import math
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import ProtocolError
from common.seeding import generator
from server_app.aggregation.fedavg import HIGH, LIMIT, LOW, MAX_EXAMPLES, FedAvg, to_fixed

LARGEST = float(np.nextafter(np.float32(LIMIT), np.float32(0)))
in_range = st.floats(-LARGEST, LARGEST, width=32)
exact = in_range.filter(lambda value: value == 0 or abs(value) >= 2.0**-25)
examples = st.integers(1, 10_000)


def average(*replies, size=1):
    """FedAvg of (update, examples) pairs."""
    fedavg = FedAvg()
    fedavg.begin(np.zeros(size, np.float32))
    for index, (update, count) in enumerate(replies):
        fedavg.add(f"node-{index}", np.full(size, update, np.float32), count, {})
    return fedavg.combined()


def fixed(value):
    """Return the number that the two integers stand for, exactly."""
    high, low = (int(part[0]) for part in to_fixed(np.array([value], np.float32)))
    return Fraction(high) / int(HIGH) + Fraction(low) / int(HIGH * LOW)


def test_weighs_by_examples():
    # (1 * 2 + 3 * 4 + 4 * 10) / 8
    assert average((2.0, 1), (4.0, 3), (10.0, 4)) == np.float32(54 / 8)


def test_is_not_the_first_nodes_update():
    """FedML's FedNAS returned the weights of client 0 as the average (a rebound loop variable)."""
    assert average((1.0, 5), (3.0, 5)) == np.float32(2)
    assert average((3.0, 5), (1.0, 5)) == np.float32(2)


def test_the_starting_weights_have_no_part_in_it():
    fedavg = FedAvg()
    fedavg.begin(np.full(3, 100, np.float32))
    fedavg.add("node", np.arange(3, dtype=np.float32), 1, {})
    assert np.array_equal(fedavg.combined(), np.arange(3))


def test_any_order_of_replies_gives_the_same_bits():
    rng = generator(0, "permute")
    # Magnitudes far apart: a float sum of these depends on its order.
    updates = (rng.normal(size=(60, 500)) * 10.0 ** rng.integers(-6, 5, size=(60, 1))).astype(np.float32)
    counts = [int(count) for count in rng.integers(1, 5000, size=60)]
    results, float_sums = set(), set()
    for _ in range(6):
        order = rng.permutation(60)
        fedavg = FedAvg()
        fedavg.begin(updates[0])
        for index in order:
            fedavg.add(f"node-{index}", updates[index], counts[index], {})
        results.add(fedavg.combined().tobytes())
        float_sums.add(sum(updates[index] * np.float32(counts[index]) for index in order).tobytes())
    assert len(results) == 1
    assert len(float_sums) > 1


@given(in_range)
def test_fixed_point_is_off_by_half_a_last_bit_at_most(value):
    assert abs(fixed(value) - Fraction(value)) <= Fraction(1, 2**49)


@given(exact)
def test_fixed_point_is_exact_from_2_to_the_minus_25(value):
    assert fixed(value) == Fraction(value)


@given(st.lists(st.tuples(in_range, examples), min_size=1, max_size=12))
def test_is_off_by_no_more_than_the_bound(replies):
    total = sum(count for _, count in replies)
    mean = sum(Fraction(value) * count for value, count in replies) / total
    largest = max(abs(value) for value, _ in replies)
    before_rounding = Fraction(1, 2**48) + Fraction(largest) / 2**51
    rounding = Fraction(float(np.spacing(np.float32(abs(float(mean)))))) / 2
    # `before_rounding` may also carry the mean into the next binade, whose last bit is worth twice as much.
    assert abs(Fraction(float(average(*replies)[0])) - mean) <= before_rounding + 2 * rounding


@given(exact, st.lists(examples, min_size=1, max_size=12))
def test_equal_updates_come_back_exactly(value, counts):
    assert average(*((value, count) for count in counts))[0] == np.float32(value)


@given(in_range, st.lists(examples, min_size=1, max_size=12))
def test_equal_updates_come_back_to_the_last_bit_of_the_fraction(value, counts):
    got = float(average(*((value, count) for count in counts))[0])
    assert math.isclose(got, value, rel_tol=2**-23, abs_tol=2**-48)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_ends_of_the_range_do_not_overflow(sign):
    assert average((sign * LARGEST, MAX_EXAMPLES))[0] == np.float32(sign * LARGEST)
    half = MAX_EXAMPLES // 2
    assert average((sign * LARGEST, half), (sign * LARGEST, half))[0] == np.float32(sign * LARGEST)
    # The largest remainder after the first integer: 2^-15, and all examples there may be.
    assert average((sign * 2.0**-15, MAX_EXAMPLES))[0] == np.float32(sign * 2.0**-15)


@pytest.mark.parametrize("value", [LIMIT, -LIMIT, 3.0e38])
def test_refuses_weights_out_of_range_and_goes_on(value):
    fedavg = FedAvg()
    fedavg.begin(np.zeros(2, np.float32))
    fedavg.add("good", np.array([1, 2], np.float32), 3, {})
    with pytest.raises(ProtocolError, match=r"below 1048576 in magnitude, got .*training\.learning_rate"):
        fedavg.add("diverged", np.array([0, value], np.float32), 1, {})
    assert (fedavg.count, fedavg.examples) == (1, 3)
    fedavg.add("diverged", np.array([3, 6], np.float32), 3, {})
    assert np.array_equal(fedavg.combined(), np.array([2, 4], np.float32))


def test_refuses_more_examples_than_the_sums_hold():
    fedavg = FedAvg()
    fedavg.begin(np.zeros(1, np.float32))
    fedavg.add("a", np.ones(1, np.float32), MAX_EXAMPLES - 1, {})
    with pytest.raises(ProtocolError, match=f"takes {MAX_EXAMPLES} examples at most in a round"):
        fedavg.add("b", np.ones(1, np.float32), 2, {})
    fedavg.add("c", np.ones(1, np.float32), 1, {})
    assert fedavg.combined()[0] == 1


def test_long_updates_are_folded_block_by_block():
    rng = generator(1, "long")
    updates = rng.normal(size=(3, 100_001)).astype(np.float32)
    fedavg = FedAvg()
    fedavg.begin(updates[0])
    for index, update in enumerate(updates):
        fedavg.add(f"node-{index}", update, index + 1, {})
    expected = np.average(updates.astype(np.float64), axis=0, weights=[1, 2, 3])
    assert np.array_equal(fedavg.combined(), expected.astype(np.float32))


def test_takes_updates_that_are_not_contiguous():
    fedavg = FedAvg()
    fedavg.begin(np.zeros(4, np.float32))
    fedavg.add("node", np.arange(8, dtype=np.float32)[::2], 1, {})
    assert np.array_equal(fedavg.combined(), [0, 2, 4, 6])


def peak(nodes, size=50_000):
    """Return the most bytes held in a round of `nodes` replies, whose updates exist one at a time."""
    fedavg = FedAvg()
    start = np.zeros(size, np.float32)
    tracemalloc.start()
    try:
        fedavg.begin(start)
        for index in range(nodes):
            fedavg.add(f"node-{index}", np.full(size, index, np.float32), 1, {})
        fedavg.combined()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_nodes():
    few, many = peak(5), peak(500)
    assert few >= 50_000 * 16
    assert many < 1.1 * few


def test_a_trial_that_waits_holds_no_sums():
    fedavg = FedAvg()
    start, update = np.zeros(100_000, np.float32), np.ones(100_000, np.float32)
    tracemalloc.start()
    try:
        fedavg.begin(start)
        fedavg.add("node", update, 1, {})
        weights = fedavg.combined()
        assert tracemalloc.get_traced_memory()[0] < 1.1 * weights.nbytes
    finally:
        tracemalloc.stop()
