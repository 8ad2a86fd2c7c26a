"""Several runs beside each other, with intervals that the test derives."""

from __future__ import annotations

import json
from dataclasses import replace
from statistics import fmean, stdev

import pytest

from common.config import compose_config
from common.errors import ConfigError
from common.tasks import Regression, Task
from server_app.interval import t_quantile
from server_app.report.comparison import comparison_of
from server_app.results import write_config
from tests.server_app.report.conftest import SPACE, TASK, Written


@pytest.fixture
def make(tmp_path):
    """Write a run folder with the tests of its winner, one a seed."""

    def write(name, tests, seed=0, task=TASK, by_node=None, *overrides):
        written = Written().begin("a", "b")
        written.events[0]["seed"] = seed
        written.proposed(0).scored("trial-0000", 1, tests[0], 5, 50).best("trial-0000", 1, tests[0])
        metric = task.head.primary[0]
        winner = {"tests": [{metric: value} for value in tests], "architecture": "linear 3", "by_node": by_node or {}}
        winner |= {"parameters": 31, "macs": 24}
        costs = {"mac_examples": {"search": 40, "final": 2}, "bytes": {"search": 9}}
        result = {"task": task.to_record(), "status": "finished", "winner": winner, **costs}
        folder = written.folder(tmp_path / name, result)
        write_config(folder, replace(compose_config([*SPACE, *overrides]), seed=seed))
        return folder

    return write


def interval(values):
    half = t_quantile(len(values) - 1) * stdev(values) / len(values) ** 0.5
    return fmean(values) - half, fmean(values) + half


def test_arms_with_several_seeds_in_common_are_paired_by_these(make):
    arms = {"random": (0.6, 0.7, 0.8), "evolution": (0.7, 0.75, 0.9)}
    folders = [
        make(f"{name}-{seed}", [value, value + 0.02], seed, TASK, None, f"controller={name}")
        for name, values in arms.items()
        for seed, value in enumerate(values)
    ]
    found = comparison_of(folders)
    assert found["arms"] == ["controller=random", "controller=evolution"]
    assert found["differ"][0] == "controller.name"
    (pair,) = found["pairs"]
    values = [-0.1, -0.05, -0.1]
    assert (pair["one"], pair["other"], pair["over"], pair["number"]) == (*found["arms"], "seeds", 3)
    assert (pair["mean"], pair["low"], pair["high"]) == pytest.approx((fmean(values), *interval(values)))
    assert [run["arm"] for run in found["runs"]] == [0, 0, 0, 1, 1, 1]
    assert found["runs"][0]["mean"] == pytest.approx(0.61)
    assert (found["runs"][0]["mac_examples"], found["runs"][0]["bytes"]) == (42, 9)
    assert found["notes"] == []


def test_two_runs_of_one_seed_are_paired_by_the_seeds_of_their_final_training(make):
    found = comparison_of([make("a", [0.6, 0.7, 0.8]), make("b", [0.5, 0.65, 0.6], 0, TASK, None, "controller=random")])
    (pair,) = found["pairs"]
    values = [0.1, 0.05, 0.2]
    assert (pair["mean"], pair["low"], pair["high"]) == pytest.approx((fmean(values), *interval(values)))


def test_of_one_test_each_the_nodes_tell_how_sure_a_difference_is(make):
    ours, theirs = {"a": [0.7, 10], "b": [0.5, 10]}, {"a": [0.5, 10], "b": [0.4, 10]}
    one, other = make("a", [0.6], 0, TASK, ours), make("b", [0.45], 0, TASK, theirs, "controller=random")
    (pair,) = comparison_of([one, other])["pairs"]
    assert (pair["over"], pair["number"]) == ("nodes", 2)
    assert (pair["mean"], pair["low"], pair["high"]) == pytest.approx((0.15, *interval([0.2, 0.1])))


def test_where_less_is_better_a_lower_test_is_a_gain(make):
    task = Task((4,), Regression((0.0,), (1.0,)))
    metric, direction = task.head.primary
    (pair,) = comparison_of(
        [make("a", [0.2, 0.3], 0, task), make("b", [0.4, 0.4], 0, task, None, "controller=random")]
    )["pairs"]
    assert (metric, direction) == ("mse", "min")
    assert pair["mean"] == pytest.approx(0.15)


def test_other_seeds_are_no_pairs_and_it_is_said(make):
    found = comparison_of([make("a", [0.6, 0.7], 0), make("b", [0.5, 0.6], 1)])
    assert found["arms"] == ["a, seed 0", "b, seed 1"]  # they differ in nothing but their seed
    assert found["pairs"] == []
    assert "no difference is told" in found["notes"][0]


def test_a_folder_that_is_named_twice_is_one(make):
    folder = make("a", [0.6])
    with pytest.raises(ConfigError, match="two different runs"):
        comparison_of([folder, folder])


def test_runs_for_other_metrics_are_refused(make):
    with pytest.raises(ConfigError, match="Runs are compared in one metric"):
        comparison_of([make("a", [0.6]), make("b", [0.2], 0, Task((4,), Regression((0.0,), (1.0,))))])


def test_a_document_is_json(make):
    found = comparison_of([make("a", [0.6]), make("b", [0.5])])
    assert json.loads(json.dumps(found)) == found


def test_the_same_task_in_other_partitions_is_the_same(make):
    """What inputs are scaled by, and what a regression's targets are like, goes by the seed."""
    one, other = (Task((4,), Regression((mean,), (1.0,))) for mean in (0.0, 0.1))
    folders = [make("a", [0.3], 0, one), make("b", [0.2], 1, other, None, "controller=random")]
    assert not any("tasks" in note for note in comparison_of(folders)["notes"])
