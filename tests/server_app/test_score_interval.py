"""Intervals of test scores: over nodes where there are many, else over the examples of each."""

import math

import numpy as np
import pytest

from common.seeding import generator
from common.tasks import Classification, Regression
from server_app.reporting.columns import over_what
from server_app.score_interval import MANY, interval_of
from server_app.scores import NodeScore, Score

HEAD = Classification(3)


def score(by_node, head=HEAD):
    """Return a test of nodes, given by their metrics and examples."""
    nodes = {name: NodeScore(metrics, size, None) for name, (metrics, size) in by_node.items()}
    return Score(1, 1, None, {}, head.summarise(by_node), nodes)


def many(seed, number=12, size=lambda place: 10 + place):
    values = np.random.default_rng(seed).uniform(0.5, 1, number)
    return {f"n{place:02d}": ({"accuracy": value, "loss": 1.0}, size(place)) for place, value in enumerate(values)}


def test_many_nodes_are_drawn_each_with_its_examples():
    by_node = many(0)
    found = interval_of([score(by_node)], HEAD, 200, 7)
    drawn = generator(7, "intervals").multinomial(12, np.full(12, 1 / 12), 200)
    values, sizes = (
        np.array([pair(node) for node in by_node.values()]) for pair in (lambda n: n[0]["accuracy"], lambda n: n[1])
    )
    scores = [np.average(values, weights=counts * sizes) for counts in drawn]
    assert (found.metric, found.over, found.number) == ("accuracy", "nodes", 12)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(scores, [0.025, 0.975])))
    assert found.low < score(by_node).metrics["accuracy"] < found.high
    assert interval_of([score(by_node)], HEAD, 200, 7) == found != interval_of([score(by_node)], HEAD, 200, 8)


def test_over_seeds_it_is_that_of_the_mean_score_of_each_node():
    one, other = many(0), many(1)
    means = {
        name: ({"accuracy": (one[name][0]["accuracy"] + other[name][0]["accuracy"]) / 2, "loss": 1.0}, one[name][1])
        for name in one
    }
    both = interval_of([score(one), score(other)], HEAD, 200, 7)
    alone = interval_of([score(means)], HEAD, 200, 7)
    assert (both.low, both.high) == pytest.approx((alone.low, alone.high))


def test_a_metric_that_some_nodes_have_is_drawn_from_these():
    head = HEAD.going_by("auroc")
    by_node = many(0, MANY + 2)
    for place, (metrics, _) in enumerate(by_node.values()):
        if place >= 2:
            metrics["auroc"] = metrics["accuracy"]
    found = interval_of([score(by_node, head)], head, 200, 7)
    assert (found.metric, found.number) == ("auroc", MANY)
    del by_node["n05"][0]["auroc"]  # too few are left, and none told a standard error
    assert interval_of([score(by_node, head)], head, 200, 7) is None


def test_few_nodes_tell_standard_errors_which_add_up_as_those_of_means_do():
    by_node = {
        "a": ({"accuracy": 0.8, "loss": 1.0, "accuracy_error": 0.04}, 100),
        "b": ({"accuracy": 0.6, "loss": 1.0, "accuracy_error": 0.03}, 300),
    }
    found = interval_of([score(by_node)], HEAD, 200, 7)
    error = math.hypot(100 * 0.04, 300 * 0.03) / 400
    assert (found.over, found.number) == ("examples", 400)
    assert (found.low, found.high) == pytest.approx((0.65 - 1.959964 * error, 0.65 + 1.959964 * error))
    assert over_what([{"interval": found.to_json()}, {}]) == [
        "95 % intervals are by bootstrap over 400 examples of the test."
    ]


def test_no_end_lies_where_no_score_can():
    by_node = {"a": ({"accuracy": 0.99, "loss": 1.0, "accuracy_error": 0.05}, 20)}
    assert interval_of([score(by_node)], HEAD, 200, 7).high == 1


def of_regression(head, seed, n):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(n, 1)).astype(np.float32)
    return head.metrics((y + rng.normal(size=(n, 1)) * 0.5).astype(np.float32), y), n


@pytest.mark.parametrize("metric", ["rmse", "r2"])
def test_what_is_made_of_squared_errors_has_the_interval_of_these_made_so(metric):
    head, plain = Regression(goes_by=metric), Regression()
    by_node = {name: of_regression(head, seed, 40) for seed, name in enumerate("abc")}
    for metrics, _ in by_node.values():
        metrics["mse_error"] = 0.02
    squared = interval_of([score(by_node, plain)], plain, 200, 7)
    found, table = interval_of([score(by_node, head)], head, 200, 7), head.summarise(by_node)
    ends = (squared.low, squared.high)
    spread = table["mse"] / (1 - table["r2"])
    expected = [math.sqrt(end) for end in ends] if metric == "rmse" else [1 - end / spread for end in reversed(ends)]
    assert (found.low, found.high) == pytest.approx(tuple(expected))
    assert found.low < table[metric] < found.high


def test_many_nodes_of_a_regression_have_a_pooled_r2():
    head = Regression(goes_by="r2")
    by_node = {f"n{seed}": of_regression(head, seed, 1 if seed == 3 else 20) for seed in range(14)}
    assert "r2" not in by_node["n3"][0]  # one example has no spread
    found = interval_of([score(by_node, head)], head, 200, 7)
    assert (found.metric, found.over, found.number) == ("r2", "nodes", 14)
    assert found.low < head.summarise(by_node)["r2"] < found.high


def test_without_draws_tests_or_errors_there_is_none():
    by_node = {"a": ({"accuracy": 0.8, "loss": 1.0}, 20)}
    assert interval_of([score(by_node)], HEAD, 0, 7) is None
    assert interval_of([], HEAD, 200, 7) is None
    assert interval_of([score(by_node)], HEAD, 200, 7) is None
    assert interval_of([Score(1, 1, 0.5, {}, {"accuracy": 0.5})], HEAD, 200, 7) is None


def test_of_normal_scores_nearly_all_intervals_hold_the_truth():
    hits = 0
    for seed in range(120):
        values = np.random.default_rng(seed).normal(0.7, 0.05, 30)
        by_node = {f"n{at}": ({"accuracy": float(value), "loss": 1.0}, 10) for at, value in enumerate(values)}
        found = interval_of([score(by_node)], HEAD, 200, seed)
        hits += found.low <= 0.7 <= found.high
    assert 0.87 < hits / 120 <= 1  # 95 % but for few nodes, of whom a percentile interval is a little too short
