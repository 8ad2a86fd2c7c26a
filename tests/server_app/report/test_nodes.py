"""What nodes get, with means that the test derives."""

from __future__ import annotations

import pytest

from server_app.report.nodes import nodes_of


def node(name, **more):
    return {"event": "node", "node": name, "examples": 30, "validation": 10, "test": 5, "device": "cpu", **more}


def on_test(**roles):
    return {role: {"by_node": by_node, "trial": 1} for role, by_node in roles.items()}


def test_tests_come_first_and_are_summed_up_by_examples():
    result = on_test(winner={"a": [0.5, 10], "b": [0.9, 30]}, baseline={"a": [0.4, 10], "b": [0.6, 30]})
    found = nodes_of([node("a"), node("b")], result, [], "accuracy", "max")
    assert (found["source"], found["roles"]) == ("test", ["winner", "baseline"])
    assert found["summary"]["winner"] == pytest.approx(
        {"mean": (0.5 * 10 + 0.9 * 30) / 40, "std": 0.2, "worst_decile": 0.5, "worst": 0.5, "best": 0.9, "nodes": 2}
    )
    assert [(row["name"], row["values"], row["examples"]) for row in found["rows"]] == [
        ("a", {"winner": 0.5, "baseline": 0.4}, 30),
        ("b", {"winner": 0.9, "baseline": 0.6}, 30),
    ]


def test_without_a_test_it_is_what_was_scored_on_validation_in_its_own_unit():
    result = {"winner": {"trial": 1, "by_node": {}}, "baseline": {"trial": 0}}
    history = [{"number": 1, "by_node": {"a": [-0.2, 10]}}, {"number": 0, "by_node": {"a": [-0.3, 10]}}]
    found = nodes_of([node("a")], result, history, "mse", "min")
    assert found["source"] == "validation"
    assert found["rows"][0]["values"] == {"winner": 0.2, "baseline": 0.3}
    assert found["summary"]["winner"]["worst_decile"] == 0.2


def test_where_less_is_better_the_worst_are_the_greatest():
    found = nodes_of([], on_test(winner={str(n): [float(n), 1] for n in range(20)}), [], "mse", "min")
    summary = found["summary"]["winner"]
    assert (summary["worst_decile"], summary["worst"], summary["best"]) == (18.5, 19.0, 0.0)


def test_before_there_is_a_score_nodes_are_told_as_they_are():
    found = nodes_of([node("a")], {}, [], "accuracy", "max")
    assert (found["source"], found["summary"], found["rows"][0]["values"]) == (None, {}, {})


def test_people_of_the_test_that_are_no_nodes_have_rows_of_their_own():
    found = nodes_of([node("a")], on_test(winner={"17": [0.5, 3]}), [], "accuracy", "max")
    assert [(row["name"], row["examples"], row["class"]) for row in found["rows"]] == [
        ("a", 30, ""),
        ("17", None, "people of the test"),
    ]


CLASSES = [{"nodes": ["a"]}, {"nodes": ["b", "c"]}]
LIMITED = {"a": {"limits": {"max_params": 1000}}}


@pytest.mark.parametrize(
    ("classes", "facts", "names"),
    [
        (CLASSES, {}, ["class 1", "class 2"]),
        ([CLASSES[0]], {"a": {"device": "cuda"}}, ["cpu", "cuda"]),
        ([], LIMITED, ["max-params 1.0 k", "no limits"]),
    ],
)
def test_classes_are_those_of_the_run_or_of_limits_or_of_devices(classes, facts, names):
    result = {**on_test(winner={"a": [0.5, 10], "b": [0.7, 10], "c": [1.0, 30]}), "classes": classes}
    found = nodes_of([node(name, **facts.get(name, {})) for name in "abc"], result, [], "accuracy", "max")
    groups = {group["name"]: (group["nodes"], group["values"]["winner"]) for group in found["groups"]}
    assert sorted(groups) == sorted(names)
    assert sorted(groups.values()) == [(1, 0.5), (2, pytest.approx((0.7 * 10 + 1.0 * 30) / 40))]


def test_nodes_that_are_alike_are_of_no_classes():
    assert nodes_of([node("a"), node("b")], on_test(winner={"a": [0.5, 1]}), [], "accuracy", "max")["groups"] == []
