import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from common.data.splits import Split, check_split_settings, held_out_counts, split_examples
from common.errors import ConfigError, DataError
from common.settings import DatasetSettings


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def settings(split: str = "random", gap: int = 0, validation: float = 0.2, test: float = 0.2) -> DatasetSettings:
    return DatasetSettings(split=split, gap=gap, validation_fraction=validation, test_fraction=test)


def split_of(labels: list[int], chosen: DatasetSettings, *, with_test: bool = True, seed: int = 0) -> Split:
    return split_examples(np.array(labels, dtype=np.int64), chosen, rng(seed), with_test=with_test)


def all_rows(split: Split) -> list[int]:
    return sorted([*split.train.tolist(), *split.validation.tolist(), *split.test.tolist()])


label_lists = st.lists(st.integers(0, 4), min_size=6, max_size=80)


@given(label_lists, st.integers(0, 5))
@examples(max_examples=60)
def test_random_parts_are_disjoint_cover_all_and_are_never_empty(labels: list[int], seed: int) -> None:
    split = split_of(labels, settings(), seed=seed)
    assert all_rows(split) == list(range(len(labels)))
    assert min(len(split.train), len(split.validation), len(split.test)) >= 1


@given(label_lists, st.integers(1, 3))
@examples(max_examples=60)
def test_block_parts_never_have_neighbours_across_a_border(labels: list[int], gap: int) -> None:
    split = split_of(labels, settings("block", gap))
    parts = [split.train, split.validation, split.test]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        distance = np.abs(parts[first][:, None] - parts[second][None, :])
        assert distance.min(initial=gap + 1) > gap  # a part may be empty
    assert len(split.train)
    assert len(set(all_rows(split))) == len(all_rows(split))


def test_fractions_are_those_of_each_class() -> None:
    # 100 and 50 examples: a fifth is tested on, and a fifth of the rest (80 and 40) is validated on
    labels = np.array([0] * 100 + [1] * 50)
    split = split_of(labels.tolist(), settings())
    assert np.bincount(labels[split.test]).tolist() == [20, 10]
    assert np.bincount(labels[split.validation]).tolist() == [16, 8]
    assert np.bincount(labels[split.train]).tolist() == [64, 32]


def test_without_a_test_part_all_is_left_for_training_and_validation() -> None:
    for split in (split_of([0] * 50, settings(), with_test=False), split_of([0] * 50, settings(test=0.0))):
        assert (len(split.test), len(split.validation), len(split.train)) == (0, 10, 40)


def test_block_holds_out_the_last_of_each_class_and_drops_the_gap() -> None:
    labels = [0] * 10 + [1] * 10
    split = split_of(labels, settings("block", gap=1), with_test=False)
    assert split.validation.tolist() == [8, 9, 18, 19]
    # 7 and 17 come right before a held-out stretch, 10 right after one
    assert split.train.tolist() == [0, 1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16]


def test_block_without_a_gap_drops_nothing() -> None:
    split = split_of([0, 1] * 10, settings("block"))
    assert all_rows(split) == list(range(20))


def test_the_test_part_is_set_aside_first_and_comes_last() -> None:
    split = split_of([0] * 25, settings("block", gap=1))
    assert split.test.tolist() == [20, 21, 22, 23, 24]
    # a fifth of the 19 that are left, 3.8, is 4
    assert split.validation.tolist() == [15, 16, 17, 18]
    assert split.train.tolist() == list(range(14))


def test_a_class_with_one_example_goes_to_training() -> None:
    labels = [0] * 20 + [1]
    for seed in range(10):
        assert 20 in split_of(labels, settings(), seed=seed).train


def test_a_node_of_single_examples_still_validates() -> None:
    split = split_of([0, 1, 2, 3], settings(), with_test=False)
    assert (len(split.validation), len(split.train)) == (1, 3)
    assert split_of([0, 1, 2, 3], settings("block"), with_test=False).validation.tolist() == [3]


def test_a_split_depends_on_its_generator_only() -> None:
    labels = [0] * 30
    first, again, other = (split_of(labels, settings(), seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.test, again.test)
    assert np.array_equal(first.validation, again.validation)
    assert not np.array_equal(first.test, other.test)


@pytest.mark.parametrize("labels", [[], [0]])
@pytest.mark.parametrize("with_test", [False, True])
def test_too_few_examples_are_an_error(labels: list[int], with_test: bool) -> None:
    with pytest.raises(DataError, match=rf"needs 2 examples.* too few, got {len(labels)}. Give the node more data"):
        split_of(labels, settings(), with_test=with_test)


@pytest.mark.parametrize("labels", [[0, 0], [0, 1]])
def test_a_node_of_two_examples_trains_on_one_and_validates_on_the_other(labels: list[int]) -> None:
    split = split_of(labels, settings())
    assert (len(split.train), len(split.validation), len(split.test)) == (1, 1, 0)
    assert all_rows(split) == [0, 1]


def test_where_a_gap_leaves_too_few_the_test_part_goes_first_and_then_the_validation_part() -> None:
    # the last of five is tested on, and the fourth is its neighbour; then the third is validated on, and so on
    split = split_of([0] * 5, settings("block", gap=1))
    assert (split.train.tolist(), split.validation.tolist(), split.test.tolist()) == ([0], [2], [4])
    split = split_of([0] * 3, settings("block", gap=1))
    assert (split.train.tolist(), split.validation.tolist(), split.test.tolist()) == ([0], [2], [])
    split = split_of([0] * 2, settings("block", gap=1))
    assert (split.train.tolist(), split.validation.tolist(), split.test.tolist()) == ([0, 1], [], [])


def test_held_out_counts_follow_the_largest_remainders() -> None:
    # a fifth of 16, 3.2, is 3; the quotas are 1.4, 1.0 and 0.8
    assert held_out_counts(np.array([7, 5, 4]), 0.2, 1, rng()).tolist() == [1, 1, 1]


def test_ties_fall_on_any_class() -> None:
    # 10 classes of 2 examples: a fifth of 20 is 4, and every quota is 0.4
    drawn = sum(held_out_counts(np.full(10, 2), 0.2, 1, rng(seed)) for seed in range(50))
    assert drawn.sum() == 4 * 50
    assert drawn.min() > 0


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (settings("stratified"), "dataset.split must be random or block, got 'stratified'"),
        (settings("random", gap=1), "dataset.gap goes with dataset.split=block only, got 1"),
        (settings(validation=0.0), "dataset.validation_fraction must be above 0, .*, got 0.0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(chosen: DatasetSettings, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_split_settings(chosen)
