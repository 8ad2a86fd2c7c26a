import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.data.partition import MIN_EXAMPLES, Index, dirichlet, iid, natural
from common.errors import ConfigError


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def labels(count: int, classes: int = 10) -> Index:
    return np.arange(count, dtype=np.int64) % classes


def assert_covers(parts: list[Index], count: int) -> None:
    assert sorted(np.concatenate(parts).tolist()) == list(range(count))


def same(first: list[Index], second: list[Index]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@given(st.integers(1, 30), st.integers(0, 200), st.integers(0, 9))
@settings(max_examples=40)
def test_iid_parts_are_disjoint_cover_all_and_have_one_size(partitions: int, extra: int, seed: int) -> None:
    count = partitions * MIN_EXAMPLES + extra
    parts = iid(count, partitions, rng(seed))
    sizes = [len(part) for part in parts]
    assert len(parts) == partitions
    assert max(sizes) - min(sizes) <= 1
    assert_covers(parts, count)


@given(st.integers(1, 20), st.sampled_from([0.05, 0.5, 5.0, 500.0]), st.integers(0, 9))
@settings(max_examples=40)
def test_dirichlet_parts_are_disjoint_cover_all_and_are_large_enough(partitions: int, alpha: float, seed: int) -> None:
    parts = dirichlet(labels(1000), partitions, alpha, rng(seed))
    assert len(parts) == partitions
    assert min(len(part) for part in parts) >= MIN_EXAMPLES
    assert_covers(parts, 1000)


def test_a_partition_depends_on_its_generator_only() -> None:
    for cut in (
        lambda seed: iid(100, 4, rng(seed)),
        lambda seed: dirichlet(labels(100), 4, 0.5, rng(seed)),
        lambda seed: natural(labels(100), 4, rng(seed)),
    ):
        assert same(cut(1), cut(1))
        assert not same(cut(1), cut(2))


def test_a_small_alpha_skews_the_classes_and_a_large_one_does_not() -> None:
    def classes_of_a_node(alpha: float) -> float:
        y = labels(4000)
        return float(np.mean([len(np.unique(y[part])) for part in dirichlet(y, 10, alpha, rng())]))

    assert classes_of_a_node(0.05) < 5
    assert classes_of_a_node(1000.0) == 10


def test_a_large_alpha_gives_each_node_its_share_of_each_class() -> None:
    y = labels(4000, 4)
    for part in dirichlet(y, 4, 1e6, rng()):
        # 1000 of each class over 4 nodes; borders are rounded down, and the shares differ by about 0.1 %
        assert np.abs(np.bincount(y[part]) - 250).max() <= 3


def test_a_node_above_the_average_gets_no_further_class() -> None:
    # 20 classes of 50 over 10 nodes: a node at the average of 100 may get one more class whole
    for seed in range(5):
        assert max(len(part) for part in dirichlet(labels(1000, 20), 10, 0.1, rng(seed))) <= 100 + 50


def test_dirichlet_does_not_depend_on_the_order_of_the_file_within_a_class() -> None:
    rows = np.concatenate(dirichlet(np.zeros(1000, dtype=np.int64), 2, 100.0, rng())[:1])
    assert rows.min() < 100
    assert rows.max() > 900


def test_dirichlet_survives_an_alpha_that_gives_all_to_full_nodes() -> None:
    assert_covers(dirichlet(labels(1000), 2, 1e-300, rng()), 1000)


def test_dirichlet_gives_up_with_the_way_out() -> None:
    with pytest.raises(ConfigError, match=r"Each of 20 nodes needs 5 .* Raise dataset.alpha, or use fewer nodes"):
        dirichlet(labels(101), 20, 0.01, rng())


@pytest.mark.parametrize("partitions", [21, 1000])
def test_too_many_nodes_are_refused_before_anything_is_drawn(partitions: int) -> None:
    for cut in (
        lambda: iid(104, partitions, rng()),
        lambda: dirichlet(labels(104), partitions, 0.5, rng()),
    ):
        with pytest.raises(ConfigError, match=f"104 are enough for 20 nodes, got {partitions}"):
            cut()


def test_natural_gives_each_node_one_person_in_sorted_order() -> None:
    people = np.array([7, 3, 7, 5, 3])
    assert [part.tolist() for part in natural(people, 3, rng())] == [[1, 4], [3], [0, 2]]


def test_natural_deals_people_evenly_and_never_divides_one() -> None:
    people = labels(70, 7)
    parts = natural(people, 3, rng())
    held = [set(people[part].tolist()) for part in parts]
    assert sorted(len(names) for names in held) == [2, 2, 3]
    assert sorted(name for names in held for name in names) == list(range(7))
    assert_covers(parts, 70)


def test_natural_keeps_a_persons_examples_together_and_in_order() -> None:
    people = np.array([1, 0, 1, 0])
    assert natural(people, 1, rng())[0].tolist() == [1, 3, 0, 2]


def test_natural_refuses_more_nodes_than_people() -> None:
    with pytest.raises(ConfigError, match=r"there are 3 people, got 4. Set federation.nodes to 3 or fewer"):
        natural(np.array([0, 1, 2]), 4, rng())
