"""The numbers of a run, out of its journal."""

from __future__ import annotations

import json
import math

import pytest

from server_app.run import run
from server_app.trackers.scalars import Scalars


def proposed(trial, spec_id="a", repeats=None):
    return {"event": "proposed", "trial": trial, "spec_id": spec_id, "repeats": repeats, "parameters": 7, "macs": 5}


def scored(trial, accuracy, mac_examples, split="validation", **metrics):
    about = {"split": split, "rung": 2, "rounds": 9, "values": {"accuracy": accuracy}}
    table = {"accuracy": accuracy, "loss": 0.5, **metrics}
    return {"event": "scored", "trial": trial, **about, "metrics": table, "mac_examples": mac_examples}


def trained(trial, loss, mac_examples):
    return {"event": "round", "trial": trial, "round": 1, "loss": loss, "mac_examples": mac_examples}


def last(events):
    scalars, found = Scalars(), {}
    for event in events:
        found = scalars.take(event)
    return found


def test_a_trial_that_is_scored():
    assert last([proposed("trial-0004"), scored("trial-0004", 0.75, 30)]) == {
        "trial/accuracy": 0.75,
        "trial/loss": 0.5,
        "trial/number": 4.0,
        "trial/rung": 2.0,
        "trial/rounds": 9.0,
        "trial/parameters": 7.0,
        "trial/macs": 5.0,
        "cost/mac_examples": 30.0,
    }


def test_what_it_has_cost_so_far_is_the_sum_over_trials_of_the_last_that_was_told():
    events = [proposed("trial-0000"), proposed("trial-0001"), trained("trial-0000", 0.3, 10)]
    events += [trained("trial-0001", 0.3, 100), scored("trial-0000", 0.5, 12)]
    assert last(events)["cost/mac_examples"] == 112


def test_rounds_of_the_search_are_no_numbers_but_those_before_and_after_it_are():
    assert last([proposed("trial-0000"), trained("trial-0000", 0.3, 1)]) == {}
    assert last([proposed("path-0003"), trained("path-0003", 0.3, 1)])["warm_up/training_loss"] == 0.3
    assert last([proposed("mixed-0000"), trained("mixed-0000", 0.3, 1)])["bilevel/training_loss"] == 0.3


def test_the_best():
    assert last([{"event": "best", "trial": "trial-0000", "values": {"accuracy": 0.9}}]) == {"best/accuracy": 0.9}


def test_finalists_are_called_as_in_the_search():
    events = [{"event": "finalists", "finalists": ["trial-0007", "trial-0002"]}]
    events += [proposed("finalist-0000", "a"), proposed("finalist-0001", "b")]
    events += [proposed("finalist-0002", "a", 0), proposed("finalist-0003", "b", 1)]
    assert last([*events, trained("finalist-0002", 0.3, 1)])["finalist/trial-0007-1/training_loss"] == 0.3
    assert last([*events, scored("finalist-0001", 0.7, 1)])["finalist/trial-0002-0/accuracy"] == 0.7


def test_roles_of_one_architecture_with_other_settings_are_told_apart():
    events = [{"event": "final", "roles": {"winner": "a", "baseline": "a", "linear": "b"}}]
    events += [proposed("final-0000", "a"), proposed("final-0001", "a"), proposed("final-0002", "b")]
    assert [last([*events, trained(f"final-{n:04d}", 1.0, 1)]) for n in range(3)] == [
        {f"final/{role}-0/training_loss": 1.0, "cost/mac_examples": 1.0} for role in ("winner", "baseline", "linear")
    ]


def test_a_test_is_the_mean_over_seeds_so_far():
    events = [{"event": "final", "roles": {"winner": "a"}}, proposed("final-0000"), proposed("final-0001", "a", 0)]
    events.append(scored("final-0000", 0.5, 1, "test", auroc=0.75))
    assert last(events)["test/winner/accuracy"] == 0.5
    found = last([*events, scored("final-0001", 1.0, 1, "test", auroc=0.25)])
    assert (found["test/winner/accuracy"], found["test/winner/auroc"]) == (0.75, 0.5)
    assert "final/winner-1/accuracy" not in found


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_what_is_no_finite_number_is_left_out(value):
    event = {"event": "best", "trial": "trial-0000", "values": {"accuracy": value, "macs": 3}}
    assert last([event]) == {"best/macs": 3.0}


def test_they_are_those_of_the_result(grid, configure, tmp_path):
    grid.people("abc")
    final = {"rounds": 2, "finalists": 2, "seeds": 2}
    run(grid, {"config": configure(run={"dir": str(tmp_path / "run")}, final=final).to_json()})
    scalars, found = Scalars(), {}
    for line in (tmp_path / "run" / "journal.jsonl").read_text().splitlines():
        found |= scalars.take(json.loads(line))
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    for role in ("winner", "baseline", "linear", "constant"):
        assert found[f"test/{role}/accuracy"] == pytest.approx(result[role]["test"]["accuracy"])
    assert found["best/accuracy"] == max(
        trial["score"] for trial in json.loads((tmp_path / "run" / "history.json").read_text())
    )
    assert found["cost/mac_examples"] == sum(result["mac_examples"].values())


def test_a_step_is_as_often_as_there_were_numbers():
    scalars, best = Scalars(), {"event": "best", "trial": "trial-0000", "values": {"accuracy": 0.9}}
    steps = []
    for event in ({"event": "start"}, best, {"event": "resuming"}, best):
        scalars.take(event)
        steps.append(scalars.step)
    assert steps == [0, 1, 1, 2]
