"""By which metric a search goes: as classes are spread, or as the objective says."""

from __future__ import annotations

import json

import numpy as np
import pytest

from common.jobs import NodeReport
from common.settings import DatasetSettings, PreprocessingSettings
from common.tasks import Classification, Multilabel, Regression
from server_app.balance import UNEVEN, agree_on_metric, class_totals, uneven
from server_app.federation import Facts, Federation
from server_app.journal import Journal
from server_app.reporting.lines import line_of
from server_app.reporting.table import render
from server_app.results import result_of
from server_app.roster import Roster

BALANCED = ("balanced_accuracy", "max")


def report(name, head, counts):
    return NodeReport(name, [4], head, max(1, sum(counts)), 5, 1, 512, "cpu", counts=counts)


def agreed(*reports, metric=None, min_examples=10):
    """Return the head that nodes with these reports come to, and what the journal says of it."""
    roster, events = Roster(), []
    for number, one in enumerate(reports):
        roster.admit(number, one)
    roster.agree()
    preprocessing = PreprocessingSettings(min_examples=min_examples)
    facts = Facts(0, DatasetSettings(), Federation(), preprocessing, "digest", metric)
    task = agree_on_metric(roster, facts, Journal(None, events.append))
    assert task == roster.task
    return task.head, events


# ---------------------------------------------------------------- counts


def test_counts_are_added_by_the_classes_that_were_agreed_on():
    ab, bc, c = (Classification.of_names(tuple(names)) for names in ("ab", "bc", "c"))
    reports = [report("x", ab, [20, 10]), report("y", bc, [30, 0]), report("z", c, [70])]
    head = Classification.agree([(one.head, one.num_train) for one in reports])
    assert class_totals(reports, head, 1).tolist() == [20, 40, 70]
    # each count was rounded down by 4.5 on average: one of a, two of b and of c
    assert class_totals(reports, head, 10).tolist() == [24.5, 49, 79]


def test_several_labels_are_counted_by_name_and_have_no_balanced_accuracy():
    head, other = Multilabel(2, ("ant", "bee")), Multilabel(2, ("bee", "ant"))
    reports = [report("x", head, [90, 10]), report("y", other, [10, 90])]
    assert class_totals(reports, head, 1).tolist() == [180, 20]
    found, events = agreed(*reports)
    assert (found.primary[0], events) == ("average_precision", [])


def test_a_node_with_fewer_numbers_has_none_of_the_others():
    reports = [report("x", Classification(2), [20, 10]), report("y", Classification(3), [0, 0, 50])]
    assert class_totals(reports, Classification(3), 1).tolist() == [20, 10, 50]


def test_classes_are_uneven_above_the_bound():
    assert not uneven(np.array([UNEVEN * 20, 20.0]))
    assert uneven(np.array([UNEVEN * 20 + 1, 30.0, 20.0]))
    assert uneven(np.array([1.0, 0.0]))


@pytest.mark.parametrize("nodes", [10, 40])
@pytest.mark.parametrize("each", [5, 9, 11])
def test_classes_of_one_size_look_even_however_few_a_node_has(nodes, each):
    rng = np.random.default_rng(nodes + each)
    head = Classification(4)
    drawn = [np.repeat(np.arange(4), rng.poisson(each, 4)) for _ in range(nodes)]
    assert not uneven(class_totals([report("x", head, head.counts(y, 10)) for y in drawn], head, 10))


# ---------------------------------------------------------------- the metric


def test_where_classes_are_uneven_it_is_balanced_accuracy_and_the_journal_says_so():
    head, events = agreed(report("x", Classification(2), [90, 0]), report("y", Classification(2), [110, 20]))
    assert head.primary == BALANCED
    # 90 + 110 and 0 + 20, each with 2 x 4.5
    assert [event | {"n": 0, "time": 0} for event in events] == [
        {"n": 0, "time": 0, "event": "uneven", "largest": 209, "smallest": 29, "num_nodes": 2, "metric": BALANCED[0]}
    ]
    assert line_of(events[0]) == (
        "Classes are uneven (about 209 and 29 training examples of the largest and the smallest): "
        "trials are ranked by balanced accuracy"
    )


@pytest.mark.parametrize(
    "reports",
    [
        [report("x", Classification(2), [90, 40])],
        [report("x", Classification(2), [])],  # too few to count, or not asked
        [report("x", Regression((0.0,), (1.0,)), [])],
    ],
    ids=["even", "nobody counted", "a regression"],
)
def test_all_else_stays_as_the_head_has_it(reports):
    head, events = agreed(*reports)
    assert head == type(head).agree([(one.head, one.num_train) for one in reports])
    assert events == []


def test_an_objective_that_names_a_metric_decides_whatever_the_classes():
    skewed = report("x", Classification(2), [900, 0])
    head, events = agreed(skewed, metric=lambda _: "accuracy")
    assert (head.primary, events) == (("accuracy", "max"), [])
    assert agreed(skewed, metric=lambda _: "loss")[0].primary == ("loss", "min")
    assert agreed(skewed, metric=lambda _: "macs")[0].primary == ("accuracy", "max")


# ---------------------------------------------------------------- whole searches


@pytest.fixture
def skewed(grid, tmp_path):
    """Start three nodes with ten examples of one class for each of the other."""
    for name in "abc":
        y = (np.arange(110) % 11 == 0).astype(np.int64)
        x = np.random.default_rng(ord(name)).normal(0, 1, (110, 4)).astype(np.float32)
        x[:, 0] += 3 * y
        np.savez(tmp_path / f"{name}.npz", x=x, y=y)
        grid.join(name=name, data=str(tmp_path / f"{name}.npz"))


def counts_sent(played):
    return [report.counts for report in played.strategy._desk.roster.reports.values()]


def test_a_search_over_uneven_classes_goes_by_balanced_accuracy_to_its_end(grid, configure, play, skewed):
    config = configure(preprocessing={"min_examples": 3})
    played = play(grid, config)
    assert played.error is None
    assert len(played.kinds("uneven")) == 1
    assert all(len(counts) == 2 and counts[1] % 3 == 0 for counts in counts_sent(played))
    scores = [trial.scores[-1] for trial in played.search.trials]
    assert [list(score.values) for score in scores] == [["balanced_accuracy"]] * 3
    assert all(score.value == score.metrics["balanced_accuracy"] for score in scores)
    assert {tuple(event["values"]) for event in played.kinds("best")} == {("balanced_accuracy",)}
    result = json.loads(json.dumps(result_of(config, played.strategy.outcome, "finished")))
    assert result["task"]["head"]["goes_by"] == "balanced_accuracy"
    assert "balanced_accuracy_worst_decile" in result["winner"]["test"]
    assert render(result).renderables[0].columns[0]._cells[0] == "test balanced accuracy"


def test_a_node_that_joins_once_all_is_agreed_on_is_asked_for_no_counts(grid, configure, play):
    grid.people("abc")
    played = play(grid, configure(), when=[({"event": "round"}, lambda: grid.person("d"))])
    counts = {name: report.counts for name, report in played.strategy._desk.roster.reports.items()}
    assert {name: len(row) for name, row in counts.items()} == {"a": 3, "b": 3, "c": 3, "d": 0}


@pytest.mark.parametrize("name", ["accuracy", "macro_f1", "loss"])
def test_a_search_by_a_metric_asks_for_no_counts_and_tells_its_gain_in_it(grid, configure, play, skewed, name):
    played = play(grid, configure(objective={"name": name}))
    assert played.error is None
    assert played.kinds("uneven") == []
    assert counts_sent(played) == [[], [], []]
    assert played.strategy.outcome.task.head.primary[0] == name
