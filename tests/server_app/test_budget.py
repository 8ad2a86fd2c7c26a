"""What computing costs: by hand, and in a real run as its journal tells."""

from __future__ import annotations

from itertools import takewhile

import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.groups import BudgetConfig
from common.jobs import Work
from common.settings import TrainingSettings
from server_app.budget import Shortage, Spent, mac_examples, shortage_of, too_little
from server_app.trials import Ledger, Trial
from tests.benchmarks.equal_cost.cost import training_cost


@pytest.mark.parametrize(
    ("work", "cost"),
    [
        (Work("train", "train", 1, TrainingSettings(epochs=3)), 7 * 10 * 3),
        (Work("score", "validation", 1, TrainingSettings(epochs=3)), 7 * 10),
        (Work("score", "test", 1, TrainingSettings(epochs=3)), 7 * 10),
        (Work("proxy", "train", 0, TrainingSettings(epochs=3)), 7 * 10 * 2),
    ],
)
def test_one_job_by_hand(work, cost):
    assert mac_examples(7, work, 10) == cost


def test_trials_cost_what_their_ledgers_say():
    trials = [
        Trial(0, LayeredSpec(), ledger=Ledger(1, 2, 0.5, 10**18)),
        Trial(1, LayeredSpec(), ledger=Ledger(4, 8, 0.25, 1)),
    ]
    assert Spent.of(trials) == Spent(10**18 + 1, 0.75, 15)
    assert Spent.of([]) == Spent()


def test_of_training_it_is_what_the_journal_tells(grid, configure, play):
    """By `training_cost`, which goes through events and counts training alone."""
    grid.people("abc")
    halving = {"name": "successive_halving", "max_rounds": 2, "eta": 2, "bracket_size": 3}
    played = play(grid, configure(fidelity=halving, training={"epochs": 2}))
    assert played.error is None
    held = played.strategy._desk.roster.held
    validation = sum(held(node, "validation") for node in "abc")
    macs = {event["trial"]: event["macs"] for event in played.kinds("proposed")}
    searching = list(takewhile(lambda event: event["event"] not in ("finalists", "final"), played.events))
    scores = sum(macs[event["trial"]] * validation for event in searching if event["event"] == "scored")
    assert scores > 0
    assert Spent.of(played.search.trials).mac_examples == training_cost(searching, epochs=0) + scores


def test_the_first_limit_that_would_be_exceeded_is_named():
    limits = BudgetConfig(mac_examples=None, node_seconds=10, bytes=100, seconds=50)
    assert shortage_of(limits, Spent(10**9, 6, 60, 20), Spent(10**9, 4, 40, 30)) is None
    assert shortage_of(limits, Spent(0, 6, 60, 20), Spent(0, 4, 41, 31)) == Shortage("bytes", 60, 41, 100)


def test_a_budget_that_pays_for_no_search_says_what_one_costs():
    error = too_little(Shortage("bytes", 60, 1441, 100))
    assert "search.budget.bytes must pay for one trial on all rungs" in str(error)
    assert "cost 1,501 here, got 100" in str(error)
