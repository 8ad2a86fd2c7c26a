"""What may be another in a run that is resumed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from common.config import compose_config
from common.errors import ConfigError
from server_app.changes import MAY_CHANGE, changed_code, changed_config, changed_nodes, overridden
from server_app.state import Code

THEN = Code("f00", {"flwr-nas": "1.0", "torch": "2.13"})
UNEQUAL = "goes on, but will not equal a run that was never interrupted."


@pytest.fixture(scope="module")
def simulation():
    return compose_config(["controller=evolution", "seed=3", "federation.nodes=10"])


@pytest.fixture(scope="module")
def deployment():
    return compose_config(["federation=deployment"])


# ---------------------------------------------------------------- code and nodes


def test_the_same_code_is_not_mentioned():
    assert changed_code(THEN, replace(THEN)) is None


@pytest.mark.parametrize(
    ("digest", "versions", "said"),
    [
        ("f01", {}, "flwr-nas 1.0 with other sources"),
        ("f01", {"flwr-nas": "1.1"}, "flwr-nas 1.0 then, 1.1 now"),
        ("f00", {"torch": "2.14"}, "torch 2.13 then, 2.14 now"),
        (
            "f01",
            {"torch": "2.14", "ray": "2"},
            "ray not there then, 2 now; torch 2.13 then, 2.14 now; flwr-nas 1.0 with",
        ),
    ],
)
def test_other_code_is_said_once(digest, versions, said):
    sentence = changed_code(THEN, Code(digest, THEN.versions | versions))
    assert sentence.startswith(f"The code has changed since the run was saved ({said}")
    assert sentence.endswith(f"): it {UNEQUAL}")


def test_the_same_nodes_are_not_mentioned():
    assert changed_nodes([], []) is None


def test_other_nodes_are_named():
    both = changed_nodes({"b", "a"}, ["c"])
    assert both.startswith("The nodes of the run have changed (missing: a, b, of which each counts again")
    assert "; new: c, which train but do not score)" in both
    assert both.endswith(UNEQUAL)
    assert "new" not in changed_nodes(["a"], []).split(":")[1]
    assert "missing" not in changed_nodes([], ["a"])


def test_many_nodes_are_counted():
    assert "missing: 0, 1, 2, 3, 4 and 3 more," in changed_nodes([str(index) for index in range(8)], [])


# ---------------------------------------------------------------- configuration


def test_the_same_configuration_is_not_mentioned_whatever_the_run_is_called(simulation):
    run = replace(simulation.run, name="other", dir="elsewhere", launcher_pid=7, started_at=1.0)
    assert changed_config(simulation, replace(simulation, run=run)) is None


def test_what_may_change_is_told(simulation):
    federation = replace(simulation.federation, deadline=30.0, min_nodes=2)
    told = "federation.deadline is 30.0 (was 600.0), federation.min_nodes is 2 (was 1)"
    sentence = changed_config(simulation, replace(simulation, federation=federation))
    assert sentence == f"The run goes on with other options: {told}."


@pytest.mark.parametrize(
    ("overrides", "before", "after"),
    [
        (["seed=4"], "seed=3", "seed=4"),
        (["federation.order=arrival"], "federation.order=rounds", "federation.order=arrival"),
        (["federation.precision=float16"], "precision=float32", "precision=float16"),
        (["federation.nodes=11"], "federation.nodes=10", "federation.nodes=11"),
        (["controller=random"], "controller.name=evolution", "controller.name=random"),
        (["search.imports=[runs/a]"], r"search\.imports=\[\]", r"search\.imports=\['runs/a'\]"),
        (["dataset=synthetic"], "dataset.name=digits", "dataset.name=synthetic"),
        (["space.width=[8,16]"], r"space.width=\[", r"space.width=\[8, 16\]"),
        (["training.epochs=7"], "training.epochs=", "training.epochs=7"),
        (["training.augmentation=[flip]"], r"training.augmentation=None", r"training.augmentation=\['flip'\]"),
    ],
)
def test_what_decides_the_search_is_refused_with_both_values(simulation, overrides, before, after):
    others = compose_config(["controller=evolution", "seed=3", "federation.nodes=10", *overrides])
    with pytest.raises(ConfigError, match=rf"resumed as it was begun, with .*{before}.*, got .*{after}.*Leave out "):
        changed_config(simulation, others)


# ---------------------------------------------------------------- overrides


@pytest.mark.parametrize("option", sorted(MAY_CHANGE))
def test_each_of_these_may_change(simulation, option):
    values = {"min_nodes": 2, "address": "[::1]:8000", "root_certificates": "my certificates/ca.crt"}
    value = values.get(option, 0.25)
    changed = overridden(simulation, [f"federation.{option}={value}"])
    assert getattr(changed.federation, option) == value
    unchanged = replace(changed.federation, **{option: getattr(simulation.federation, option)})
    assert replace(changed, federation=unchanged) == simulation


def test_nodes_may_change_where_each_has_its_own_data(simulation, deployment):
    assert overridden(deployment, ["federation.nodes=7"]).federation.nodes == 7
    with pytest.raises(ConfigError, match=r"with federation\.nodes=10, got 'federation\.nodes=7'"):
        overridden(simulation, ["federation.nodes=7"])


def test_texts_are_taken_as_they_are(deployment):
    changed = overridden(deployment, ["federation.address='1:2'", "federation.root_certificates=null"])
    assert (changed.federation.address, changed.federation.root_certificates) == ("1:2", None)
    home = overridden(deployment, ["federation.root_certificates=~/ca.crt"]).federation.root_certificates
    assert home == str(Path.home() / "ca.crt")


def test_a_value_that_is_the_same_is_no_change(simulation):
    same = ["seed=3", "controller=evolution", "federation=simulation", "federation.nodes=10", "federation.order=rounds"]
    assert overridden(simulation, same) == simulation
    flipping = compose_config(["training.augmentation=[flip]"])
    assert overridden(flipping, ["training.augmentation=[flip]"]) == flipping


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("seed=4", r"with seed=3, got 'seed=4'\. Leave out seed"),
        (
            "training.augmentation=[flip]",
            r"with training\.augmentation=None, got \"training\.augmentation=\['flip'\]\"",
        ),
        ("federation=deployment", r"with federation=simulation, got 'federation=deployment'"),
        ("controller=random", r"with controller=evolution, got 'controller=random'"),
        ("run.name=other", r"with run\.name=digits"),
        ("seed", r"form name=value, got 'seed'"),
        ("serch.trials=3", r"options that its configuration has, got 'serch\.trials'"),
        ("seed.deep=3", r"options that its configuration has, got 'seed\.deep'"),
        ("+seed=3", r"got '\+seed'"),
        ("federation.deadline=soon", r"federation\.deadline.*got 'soon'"),
        ("federation.deadline=0", r"federation\.deadline must be above 0|federation\.budget"),
        ("federation.min_nodes=[1", r"federation\.min_nodes.*got '\[1'"),
    ],
)
def test_an_override_that_cannot_be_is_named(simulation, override, words):
    with pytest.raises(ConfigError, match=words):
        overridden(simulation, [override])


# ---------------------------------------------------------------- the tracker


def test_the_tracker_may_be_another(simulation):
    changed = overridden(simulation, ["tracker.uri=http://localhost:5000", "tracker=mlflow"])
    assert changed.tracker == {"name": "mlflow", "uri": "http://localhost:5000"}
    assert replace(changed, tracker=simulation.tracker) == simulation
    told = "tracker.name is mlflow (was none), tracker.uri is http://localhost:5000 (was not set)"
    assert changed_config(simulation, changed) == f"The run goes on with other options: {told}."


def test_a_tracker_keeps_the_options_that_nobody_changes(simulation):
    had = replace(simulation, tracker={"name": "mlflow", "uri": "x", "experiment": "mine"})
    assert overridden(had, ["tracker=mlflow", "tracker.uri=null"]).tracker == {**had.tracker, "uri": None}
    assert overridden(had, ["federation.deadline=7"]).tracker == had.tracker
    assert overridden(had, ["tracker=none"]).tracker == {"name": "none"}
