"""Child seeds: the same for the same thing, others for all others."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.seeding import block, child_seed, generator, ranked, ranked_sample

NAMES = st.lists(st.text(max_size=5), unique=True, max_size=30)
IDENTITY = st.lists(st.integers(-(2**40), 2**40) | st.text("ab-0123", max_size=4), max_size=4)


def test_the_seed_is_a_hash_of_the_typed_parts():
    """Written out here once more: who changes it changes every run."""
    text = "int:7\x1fstr:batches\x1fint:3"
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    assert child_seed(7, "batches", 3) == int.from_bytes(digest, "big") // 2


def test_other_processes_get_the_same_seed():
    """Python's own hash of a text is another one in each process."""
    code = "from common.seeding import child_seed; print(child_seed(1, 'batches', 'partition-3', 2))"
    root = Path(__file__).parents[2]
    printed = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True).stdout
    assert int(printed) == child_seed(1, "batches", "partition-3", 2)


@given(st.integers(0, 2**31), IDENTITY)
def test_a_seed_has_63_bits(seed, identity):
    assert 0 <= child_seed(seed, *identity) < 2**63


@given(st.tuples(st.integers(0, 9), IDENTITY), st.tuples(st.integers(0, 9), IDENTITY))
def test_different_things_have_different_seeds(one, other):
    same = child_seed(one[0], *one[1]) == child_seed(other[0], *other[1])
    assert same == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((1, "a"), (1, "a", "")),
        ((1, "ab", "c"), (1, "a", "bc")),
        ((1, 2), (1, "2")),
        ((1, 2, 3), (1, 23)),
        ((1, "a", 1), (1, 1, "a")),
        ((12, 3), (1, 23)),
    ],
)
def test_parts_do_not_run_together(one, other):
    assert child_seed(*one) != child_seed(*other)


def test_a_generator_gives_the_numbers_of_its_seed_and_leaves_the_global_one_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    numbers = generator(3, "sample", 1).random(4)
    np.testing.assert_array_equal(numbers, np.random.default_rng(child_seed(3, "sample", 1)).random(4))
    np.testing.assert_array_equal(numbers, generator(3, "sample", 1).random(4))
    assert not np.array_equal(numbers, generator(3, "sample", 2).random(4))
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_the_bits_of_many_seeds_are_even():
    """63 bits of 400 seeds: each is set in half of them, within five standard deviations."""
    seeds = [child_seed(0, "trial", number) for number in range(400)]
    shares = [sum(seed >> bit & 1 for seed in seeds) / 400 for bit in range(63)]
    assert all(abs(share - 0.5) < 5 * 0.5 / 400**0.5 for share in shares)


# ---------------------------------------------------------------- orders and samples of names


@given(NAMES, st.integers(0, 2**31), IDENTITY)
def test_names_are_ranked_by_the_seeds_of_their_own(names, seed, identity):
    assert ranked(names, seed, *identity) == sorted(names, key=lambda name: child_seed(seed, *identity, name))


@given(NAMES.filter(len), IDENTITY, st.data())
def test_whoever_comes_or_goes_the_others_keep_their_order(names, identity, data):
    stay = data.draw(st.lists(st.sampled_from(names), unique=True))
    assert ranked(stay, 1, *identity) == [name for name in ranked(names, 1, *identity) if name in stay]


@given(NAMES, st.none() | st.integers(0, 40), IDENTITY)
def test_a_sample_is_the_first_of_the_order(names, count, identity):
    sample = ranked_sample(names, count, 1, *identity)
    assert sample == tuple(sorted(ranked(names, 1, *identity)[: len(names) if count is None else count]))


def test_every_order_is_as_likely_as_any_other():
    # 6 orders of 3 names in 6000 draws: 1000 of each, standard deviation sqrt(6000 x 1/6 x 5/6) = 28.9.
    orders = [tuple(ranked(["a", "b", "c"], 0, "order", number)) for number in range(6000)]
    assert len(set(orders)) == 6
    assert all(abs(orders.count(order) - 1000) < 5 * 28.9 for order in set(orders))


def test_orders_for_different_things_differ():
    names = [f"node-{index}" for index in range(20)]  # of 20! orders
    orders = [ranked(names, *key) for key in ((0, "a"), (1, "a"), (0, "b"), (0, "a", 1))]
    assert len({tuple(order) for order in orders}) == 4


def test_blocks_are_contiguous_and_the_first_ones_hold_one_more():
    assert [block("abcdefgh", 3, index) for index in range(3)] == ["abc", "def", "gh"]
    assert [block("ab", 3, index) for index in range(3)] == ["a", "b", ""]


@given(st.integers(0, 30), st.integers(1, 9), st.integers(0, 30))
def test_a_name_more_makes_one_block_longer_and_none_shorter(size, blocks, place):
    before = list(range(size))
    after = [*before[:place], "new", *before[place:]]
    sizes = [[len(block(order, blocks, index)) for index in range(blocks)] for order in (before, after)]
    assert sum(sizes[0]) == size
    assert sorted(now - then for then, now in zip(*sizes, strict=True)) == [0] * (blocks - 1) + [1]
