from __future__ import annotations

from dataclasses import replace

from common.tasks import Classification, Regression, Task
from server_app.report.history import history_of
from server_app.report.leaving import leaving_of
from tests.server_app.report.conftest import TASK


def told(events, config=None, task=None, result=None):
    rows = leaving_of(events, result or {}, history_of(events).ledgers, config, task)
    return {row["what"]: row["how_much"] for row in rows}


def test_updates_and_scores_are_counted(searched):
    found = told(searched.events)
    # three rounds by two nodes each, three scores of two nodes each, 2 * (150 + 500) bytes both ways
    assert found["Weights of models after local training"] == "6 updates in 3 rounds, 1.3 kB in both directions"
    assert found["Metrics of models on a node's own data: loss, accuracy and the like"] == "6 tables for 3 scores"
    assert found["Cores, memory, kind of device, a measured speed, and limits"] == "from 2 nodes"
    assert not any("class" in what or "targets" in what or "Sum" in what for what in found)


def test_bytes_are_those_of_the_result_where_there_is_one(searched):
    found = told(searched.events, result={"counts": {"bytes_up": 5000}})
    assert found["Weights of models after local training"].endswith("5.0 kB up, all told")


def test_counts_of_classes_leave_only_where_the_search_asks_for_them(searched, base_config):
    primary = {**base_config.objective, "name": "primary"}
    what = "How many training examples there are of each class"
    asked = told(searched.events, replace(base_config, objective=primary), TASK)
    assert asked[what] == "from 2 nodes, rounded down to multiples of 10"
    assert what not in told(searched.events, replace(base_config, objective={"name": "accuracy"}), TASK)


def test_names_of_classes_and_sums_and_targets_are_told_where_they_left(searched, base_config):
    searched.add("scaled", num_nodes=2, left_out=1)
    named = Task((4,), Classification(2, ("ill", "well")))
    found = told(searched.events, base_config, named)
    assert found["Names of classes"] == "2 names, which every node got"
    assert found["Sum and sum of squares of each feature or channel over the training examples"] == (
        "from 2 nodes; of fewer than 10 examples none, which are 1 node"
    )
    regression = told(searched.events, base_config, Task((4,), Regression((0.0,), (1.0,))))
    who = "once from each node with 10 training examples or more"
    assert regression["Mean and standard deviation of the training targets"] == who


def test_reasons_are_lines_of_text(searched):
    searched.add("refused", node="a", trial="trial-0000", round=1, reason="no number")
    assert told(searched.events)["Why something failed, as one line of text"] == "1 line"


def test_what_leaves_of_models_of_the_nodes_own_and_of_tests(searched, base_config):
    searched.add("personalized", num_nodes=2)
    two = Task((4,), Classification(2))
    found = told(searched.events, base_config, two)
    assert found["Metrics of the common model, of the node's own, of one trained alone, and which it keeps"] == (
        "from 2 nodes"
    )
    threshold = "The probability above which the second class is best answered"
    error = "One standard error of the test score, over the node's own test examples"
    assert (found[threshold], found[error]) == ("with each score", "with each test")
    none = replace(base_config, final=replace(base_config.final, bootstrap=0))
    assert {threshold, error}.isdisjoint(told(searched.events, none, Task((4,), Classification(3))))
