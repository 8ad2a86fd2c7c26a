import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import DataError
from common.metrics import over_nodes, summarise


def test_a_summary_by_hand() -> None:
    # (1*0.2 + 3*0.6) / 4; the nodes lie 0.2 around their plain mean 0.4
    assert summarise([0.2, 0.6], [1, 3]) == pytest.approx({"mean": 0.5, "std": 0.2, "worst_decile": 0.2})


@pytest.mark.parametrize(("count", "lowest"), [(1, 1), (9, 1), (10, 1), (19, 1), (20, 2), (35, 3)])
def test_the_worst_decile_is_the_mean_of_the_lowest_tenth(count: int, lowest: int) -> None:
    values = np.random.default_rng(0).permutation(count).astype(float).tolist()
    assert summarise(values, [1] * count)["worst_decile"] == pytest.approx(sum(range(lowest)) / lowest)


@pytest.mark.parametrize(("count", "highest"), [(1, [0]), (19, [18]), (20, [19, 18])])
def test_where_less_is_better_the_worst_are_the_largest(count: int, highest: list[int]) -> None:
    values = np.random.default_rng(1).permutation(count).astype(float).tolist()
    assert summarise(values, [1] * count, "min")["worst_decile"] == pytest.approx(sum(highest) / len(highest))


def test_one_node_has_no_spread() -> None:
    assert summarise([0.7], [12]) == {"mean": pytest.approx(0.7), "std": 0.0, "worst_decile": 0.7}


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 500)), min_size=2, max_size=12), st.randoms())
@settings(max_examples=50)
def test_a_summary_is_the_same_in_any_order(nodes: list[tuple[float, int]], random: object) -> None:
    def summary(pairs: list[tuple[float, int]]) -> dict[str, float]:
        return summarise([value for value, _ in pairs], [weight for _, weight in pairs])

    for shuffled in itertools.islice(itertools.permutations(nodes), 20):
        assert summary(list(shuffled)) == summary(nodes)


@given(st.floats(0, 1), st.lists(st.integers(1, 500), min_size=1, max_size=12))
@settings(max_examples=50)
def test_weights_sum_to_one(value: float, weights: list[int]) -> None:
    assert summarise([value] * len(weights), weights)["mean"] == pytest.approx(value)


@pytest.mark.parametrize(
    ("values", "weights"), [([], []), ([1.0], []), ([1.0], [0]), ([1.0, 2.0], [3, -1]), ([math.nan], [1])]
)
def test_a_mean_of_nothing_is_refused(values: list[float], weights: list[float]) -> None:
    with pytest.raises(DataError, match="weights above 0"):
        summarise(values, weights)


def test_a_table_holds_what_all_nodes_have_and_the_spread_of_the_primary_metric() -> None:
    scores = {"b": ({"error": 6.0, "loss": 1.0, "more": 5.0}, 1), "a": ({"error": 2.0, "loss": 3.0}, 3)}
    # (3*2 + 1*6) / 4 and (3*3 + 1*1) / 4; both errors lie 2 from their plain mean 4, and the worst tenth is the largest
    assert over_nodes(scores, ("error", "min")) == pytest.approx(
        {"error": 3.0, "error_std": 2.0, "error_worst_decile": 6.0, "loss": 2.5, "nodes": 2.0, "examples": 4.0}
    )


def test_what_some_cannot_have_is_a_mean_over_the_others_and_says_over_how_many() -> None:
    have, lack = {"error": 6.0, "auroc": 0.5}, {"error": 2.0}
    some = {"c": ({**have, "auroc": 1.0}, 3), "b": (have, 1), "a": (lack, 4)}
    table = over_nodes(some, ("error", "min"), {"auroc", "loss"})
    assert (table["auroc"], table["auroc_nodes"]) == (pytest.approx((3 * 1.0 + 1 * 0.5) / 4), 2)
    assert (table["nodes"], table["examples"]) == (3, 8)
    assert "error_nodes" not in table
    assert "auroc_nodes" not in over_nodes({"c": (have, 3), "b": (have, 1)}, ("error", "min"), {"auroc"})


def test_no_node_says_what_is_the_table_s_to_say() -> None:
    said = {"error": 6.0, "auroc": 0.5, "error_std": 9.0, "auroc_nodes": 9.0, "nodes": 9.0}
    table = over_nodes({"a": (said, 1), "b": ({"error": 6.0}, 1)}, ("error", "min"), {"auroc"})
    assert (table["error_std"], table["auroc_nodes"], table["nodes"]) == (0, 1, 2)
