import json
from pathlib import Path
from typing import Any

import pytest

from common.architecture.cost import cost_of
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.config import compose_config
from common.tasks import Classification, Task
from tests.benchmarks.equal_cost.arms import Examples, portfolio, random_search, reached, rounds_that_cost

TASK = Task((8,), Classification(3))
SMALL, LARGE = LayeredSpec(()), LayeredSpec((Linear(16),))
MACS = [cost_of(spec.lower(TASK)).macs for spec in (SMALL, LARGE)]


def node(name: str, train: int, validation: int = 0, test: int = 0) -> dict[str, Any]:
    return {"event": "node", "node": name, "examples": train, "validation": validation, "test": test}


def leave(folder: Path, held_out: int = 0, **winner: Any) -> Path:
    """Write what a search of two entries of a portfolio and a mutant leaves, that cost 10,000,000."""
    folder.mkdir()
    entry = {"test": {"accuracy": 0.8}, "tests": [{}, {}], "macs": 7, "origin": "mutation", **winner}
    result = {
        "winner": entry,
        "task": TASK.to_record(),
        "mac_examples": {"search": 6_000_000, "final": 4_000_000},
        "seconds": {"search": 1.5, "final": 2.0},
        "final_rounds": 17,
    }
    rows = [(LARGE, 2, "portfolio"), (SMALL, 1, "mutation"), (SMALL, 1, "portfolio")]
    history = [{"spec": spec.to_dict(), "recipe": {"epochs": e}, "origin": origin} for spec, e, origin in rows]
    events = [node("a", 50), node("b", 30, 20, 10), node("a", 70, 5), {"event": "search", "held_out": held_out}]
    (folder / "result.json").write_text(json.dumps(result))
    (folder / "history.json").write_text(json.dumps(history))
    (folder / "journal.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    return folder


def test_what_an_arm_came_to(tmp_path: Path) -> None:
    found = reached(leave(tmp_path / "run"))
    assert (found.metric, found.value, found.macs, found.from_portfolio) == ("accuracy", 0.8, 7, False)
    assert (found.cost, found.seconds) == (10_000_000, 3.5)
    assert reached(leave(tmp_path / "other", origin="portfolio")).from_portfolio


def test_a_regression_is_told_by_what_has_no_unit(tmp_path: Path) -> None:
    found = reached(leave(tmp_path / "run", test={"mse": 9.0, "r2": 0.4}))
    assert (found.metric, found.value) == ("r2", 0.4)


def test_a_node_counts_as_it_was_last() -> None:
    assert Examples.of([node("a", 1), node("b", 2, 3, 4), node("a", 10, 20, 30)]) == Examples(12, 23, 34)


def test_rounds_that_cost_by_hand() -> None:
    # one round of both: 2 x 3 x 100 + 5 x 1 x 100 = 1100; a score 7 x 10; with 2 seeds two more, and tests of 5 x 4
    fixed, each_round = 1100 + 70 + 2 * (70 + 20), 2 * 1100
    examples = Examples(100, 10, 4)
    assert rounds_that_cost(fixed + 6 * each_round, [2, 5], [3, 1], examples, 2) == 6
    assert rounds_that_cost(fixed + 6 * each_round - 1, [2, 5], [3, 1], examples, 2) == 5
    # where people were held out the dearest, 600, may be the one that trains again
    again = fixed + 6 * 2 * (1100 + 600)
    assert rounds_that_cost(again, [2, 5], [3, 1], examples, 2, again=True) == 6


def test_entries_train_for_a_round_whatever_that_costs() -> None:
    assert rounds_that_cost(0, [2], [1], Examples(100, 10, 4), 1) == 1


@pytest.mark.parametrize("held_out", [0, 2])
def test_all_entries_of_the_portfolio_are_finalists(held_out: int, tmp_path: Path) -> None:
    overrides = portfolio(leave(tmp_path / "run", held_out))
    rounds = rounds_that_cost(10_000_000, [MACS[1], MACS[0]], [2, 1], Examples(100, 25, 10), 2, again=held_out > 0)
    assert rounds > 1
    config = compose_config(overrides)
    assert (config.search.trials, config.final.finalists, config.final.rounds) == (2, 2, rounds)
    assert config.fidelity["name"] == "full"


def test_a_random_search_starts_from_nothing_and_may_cost_as_much(tmp_path: Path) -> None:
    config = compose_config(random_search(leave(tmp_path / "run")))
    assert (config.controller["name"], config.search.start) == ("random", [])
    assert (config.search.budget.mac_examples, config.final.rounds) == (1e7, 17)
    assert config.search.trials > 1000
