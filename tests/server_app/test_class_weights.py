"""What classes weigh in training: from counts that nodes tell, and 1 where none was told."""

from __future__ import annotations

import numpy as np
import pytest

from common.jobs import NodeReport
from common.settings import DatasetSettings, PreprocessingSettings
from common.tasks import Classification, Multilabel, Regression
from server_app.class_weights import MOST, agree_on_weights, asks_for_weights, balanced_weights
from server_app.federation import Facts, Federation, facts_of
from server_app.journal import Journal
from server_app.reporting.lines import line_of
from server_app.roster import Roster


def report(name, head, counts, examples=None):
    return NodeReport(name, [4], head, examples or max(1, sum(counts)), 5, 1, 512, "cpu", counts=counts)


def agreed(*reports, weighs=True, min_examples=1):
    roster, events = Roster(), []
    for number, one in enumerate(reports):
        roster.admit(number, one)
    roster.agree()
    facts = Facts(
        0, DatasetSettings(), Federation(), PreprocessingSettings(min_examples=min_examples), "digest", weighs=weighs
    )
    task = agree_on_weights(roster, facts, Journal(None, events.append))
    assert task == roster.task
    return task.head, events


def test_they_are_scikit_learns_balanced_ones():
    from sklearn.utils.class_weight import compute_class_weight

    head = Classification(3)
    reports = [report("x", head, [50, 10, 7]), report("y", Classification(2), [30, 5])]
    y = np.repeat([0, 1, 2], [80, 15, 7])
    weights, known = balanced_weights(reports, head, 1)
    assert known.all()
    assert weights.tolist() == pytest.approx(compute_class_weight("balanced", classes=np.arange(3), y=y).tolist())
    assert (weights[y]).mean() == pytest.approx(1)  # steps are as long as without weights


def test_of_several_labels_those_that_are_there_weigh_as_many_as_are_not():
    head = Multilabel(2, ("ant", "bee"))
    reports = [report("x", head, [10, 40], 50), report("y", Multilabel(2, ("bee", "ant")), [40, 10], 50)]
    weights, _ = balanced_weights(reports, head, 1)
    assert weights.tolist() == [(100 - 20) / 20, (100 - 80) / 80]


def test_no_weight_leaves_its_bounds():
    weights, _ = balanced_weights([report("x", Classification(3), [100_000, 10, 10])], Classification(3), 1)
    assert weights.tolist() == [pytest.approx(100_020 / 300_000), MOST, MOST]
    reports = [report("x", Multilabel(2), [5, 5000], 5000)]
    assert balanced_weights(reports, Multilabel(2), 1)[0].tolist() == [MOST, 1 / MOST]


def test_a_class_that_no_count_was_told_of_weighs_1():
    head, events = agreed(
        report("x", Classification(3), [40, 10, 0]), report("y", Classification(3), []), min_examples=10
    )
    # what rounding took is given back, 4.5 each; the third class is left out of n and of k
    assert head.class_weights == pytest.approx((59 / (2 * 44.5), 59 / (2 * 14.5), 1))
    (event,) = events
    assert (event["event"], event["unknown"], event["num_nodes"]) == ("weighted", ["2"], 1)
    assert line_of(event) == (
        "Classes weigh 0.66 to 2 in training with class_weights=balanced; 2 1, for no node told how many there are"
    )


def test_where_nobody_counted_nothing_is_weighted_and_that_is_told():
    head, events = agreed(report("x", Classification(3), [0, 0, 0], 5), min_examples=10)
    assert head.class_weights == ()
    assert [event["event"] for event in events] == ["unweighted"]
    assert "preprocessing.min_examples" in line_of(events[0])


def test_nothing_is_agreed_on_that_was_not_asked_for_or_has_no_classes():
    assert agreed(report("x", Classification(3), [40, 10, 5]), weighs=False) == (Classification(3), [])
    head, events = agreed(report("x", Regression((1.0,), (2.0,)), []))
    assert (isinstance(head, Regression), events) == (True, [])


@pytest.mark.parametrize(
    ("changes", "asked"),
    [
        ({}, False),
        ({"training": {"class_weights": "balanced"}}, True),
        ({"training": {"class_weights": ["none", "balanced"]}}, True),
        ({"training": {"class_weights": None}}, True),
        ({"training": {"class_weights": "none"}}, False),
        ({"search": {"start": [{"spec": {}, "recipe": {"class_weights": "balanced"}}]}}, True),
        ({"final": {"baseline": {"spec": {}, "recipe": {"class_weights": "balanced"}}}}, True),
    ],
)
def test_nodes_are_asked_for_counts_where_a_recipe_needs_them(configure, changes, asked):
    config = configure(**changes)
    assert asks_for_weights(config) is asked
    assert facts_of(config, lambda head: head.primary[0]).counts is asked
    assert facts_of(config, None).counts
