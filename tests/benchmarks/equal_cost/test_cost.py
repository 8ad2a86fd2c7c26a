from typing import Any

import pytest

from tests.benchmarks.equal_cost.cost import examples_of_round, training_cost


def proposed(trial: str, macs: int, **more: Any) -> dict[str, Any]:
    return {"event": "proposed", "trial": trial, "macs": macs, **more}


def trained(trial: str, *nodes: str, **more: Any) -> dict[str, Any]:
    return {"event": "round", "trial": trial, "nodes": list(nodes), "num_nodes": len(nodes), "left_out": [], **more}


NODES = [{"event": "node", "node": name, "examples": size} for name, size in (("a", 10), ("b", 20), ("c", 40))]


def test_a_cost_by_hand() -> None:
    journal = [
        {"event": "start"},
        *NODES,
        proposed("trial-0000", 100, recipe={"epochs": 3}),
        proposed("trial-0001", 7, recipe={"epochs": 1}),
        trained("trial-0000", "a", "b"),
        trained("trial-0001", "a", "b", "c"),
        {"event": "scored", "trial": "trial-0001"},
        trained("trial-0000", "c"),
    ]
    # 300 an example of trial 0, which saw 30 and then 40; 7 of trial 1, which saw 70
    assert training_cost(journal, epochs=50) == 300 * (30 + 40) + 7 * 70


def test_where_a_trial_does_not_say_its_epochs_those_of_the_configuration_count() -> None:
    assert training_cost([*NODES, proposed("trial-0000", 100), trained("trial-0000", "b")], epochs=2) == 100 * 2 * 20


def test_what_follows_the_search_counts_too() -> None:
    search = [*NODES, proposed("trial-0000", 100), trained("trial-0000", "a")]
    finalists = [{"event": "finalists"}, proposed("finalist-0000", 10), trained("finalist-0000", "b")]
    final = [{"event": "final"}, proposed("final-0000", 1), trained("final-0000", "c")]
    assert training_cost(search + finalists + final, epochs=1) == 100 * 10 + 10 * 20 + 1 * 40


def test_a_node_that_comes_back_with_other_data_counts_with_those() -> None:
    again = {"event": "node", "node": "a", "examples": 15}
    journal = [*NODES, proposed("trial-0000", 1), trained("trial-0000", "a"), again, trained("trial-0000", "a")]
    assert training_cost(journal, epochs=1) == 10 + 15


SIZES = {"a": 10, "b": 20, "c": 40, "d": 80}


def test_nodes_that_a_line_has_no_room_for_are_all_others() -> None:
    assert examples_of_round(trained("trial-0000", "a", num_nodes=4), SIZES) == 10 + 20 + 40 + 80
    assert examples_of_round(trained("trial-0000", "a", num_nodes=3, left_out=["d"]), SIZES) == 10 + 20 + 40


def test_where_some_others_trained_each_counts_as_the_mean_of_others() -> None:
    # 2 of b, c and d, whose mean is 140 / 3
    assert examples_of_round(trained("trial-0000", "a", num_nodes=3), SIZES) == pytest.approx(10 + 2 * 140 / 3)
