"""A run that failed goes on where its nodes were silent, and says so where it cannot; a real run folder."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from client_app.app import app
from common.errors import SearchError
from common.models.builder import flat_state
from common.models.export import load_model
from server_app import federation as wiring
from server_app import run as running
from server_app.run import run
from server_app.unfinished import can_go_on

PEOPLE = "abc"
ROUNDS = 3


@pytest.fixture(autouse=True)
def saved_each_time(monkeypatch):
    monkeypatch.setattr(running, "_SHARE", math.inf)
    monkeypatch.setattr(wiring, "_LEAST_TTL", 0.0)  # what is lost is dead after two deadlines


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run"


@pytest.fixture
def go(make_grid, configure, folder):
    """Run on three people who all answer in this way."""

    def go(answer=app, into=folder, **changes):
        config = configure(
            final={"rounds": ROUNDS},
            search={"trials": 2, "concurrency": 2},
            federation={"deadline": 0.15, "patience": 5.0},
            run={"dir": str(into), "name": "failed"},
        )
        grid = make_grid()
        for name in PEOPLE:
            grid.person(name, answer)
        run(grid, {"config": replace(config, run=replace(config.run, **changes)).to_json()})
        return grid

    return go


def silent_from(trial, number, kind="train"):
    """An answer that never comes to messages which ask for this round of a trial, or a later one."""

    def answer(message, context):
        if "order" in message.content:
            order = message.content["order"]
            jobs = zip(order["trial"], order["kind"], order["round"], strict=True)
            if any(name.startswith(trial) and what == kind and at >= number for name, what, at in jobs):
                return None
        return app(message, context)

    return answer


def broken_in(trial):
    def answer(message, context):
        if "order" in message.content and any(name.startswith(trial) for name in message.content["order"]["trial"]):
            raise RuntimeError("the sensor is unplugged")
        return app(message, context)

    return answer


def events(folder, kind=None):
    lines = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    assert [line["n"] for line in lines] == list(range(len(lines)))
    return [line for line in lines if kind in (None, line["event"])]


def rounds_asked(grid, trial):
    """The rounds for which a trial was trained."""
    orders = [message.content["order"] for message in grid.sent if "order" in message.content]
    jobs = [job for order in orders for job in zip(order["trial"], order["kind"], order["round"], strict=True)]
    return sorted({number for name, kind, number in jobs if (name, kind) == (trial, "train")})


def test_a_final_training_whose_nodes_fell_silent_is_tried_again(go, folder, tmp_path):
    go(into=tmp_path / "whole")
    with pytest.raises(SearchError, match=r"final training of the winner failed \(Round 2 .*resume the run"):
        go(silent_from("final", 2))
    assert len(events(folder, "failed")) == 4
    assert can_go_on(folder)
    grid = go(resume=True)
    assert [(event["trial"], event["rounds"]) for event in events(folder, "reopened")] == [
        ("final-0000", 1),
        ("final-0001", 1),
        ("final-0002", 1),
        ("final-0003", 1),
    ]
    assert all(rounds_asked(grid, f"final-000{number}") == [2, 3] for number in range(4))
    assert events(folder)[-1]["status"] == "finished"
    # what was trained before the silence is part of the model: it is that of a run in which all answered
    ours, theirs = (flat_state(load_model(path / "best")).numpy() for path in (folder, tmp_path / "whole"))
    np.testing.assert_array_equal(ours, theirs)
    result = json.loads((folder / "result.json").read_text())
    assert result["winner"]["test"]
    assert result["baseline"]["test"]
    assert result["winner"]["failure"] == ""


def test_it_is_tried_as_often_as_at_first_and_again_after_that(go, folder):
    silent = silent_from("final", 1)
    for resume in (False, True, True):
        with pytest.raises(SearchError, match="final training of the winner failed"):
            go(silent, resume=resume)
        # two tries of each of the two came to nothing before the third failed it
        retried = [event for event in events(folder, "retried") if event["trial"] == "final-0000"]
        assert [event["tries"] for event in retried] == [1, 2] * (len(retried) // 2)
    go(resume=True)
    assert events(folder)[-1]["status"] == "finished"


def test_a_test_that_nobody_answered_is_asked_again_and_nothing_is_trained(go, folder):
    with pytest.raises(SearchError, match="final training of the winner failed"):
        go(silent_from("final", 0, "score"))
    grid = go(resume=True)
    assert rounds_asked(grid, "final-0000") == []
    assert events(folder)[-1]["status"] == "finished"


def test_a_final_training_that_its_nodes_could_not_do_is_not_tried_again(go, folder):
    with pytest.raises(SearchError, match=r"failed \(Round 1 .*unplugged.*See journal\.jsonl"):
        go(broken_in("final"))
    with pytest.raises(SearchError, match=r"failed \(Round 1 .*unplugged.*See journal\.jsonl"):
        go(resume=True)
    assert events(folder, "reopened") == []
    assert not can_go_on(folder)


def test_a_search_that_nobody_answered_says_that_it_begins_anew(go, folder):
    silent = silent_from("trial", 1)
    with pytest.raises(SearchError, match=r"every trial failed \(.*begin the run anew in another run\.dir"):
        go(silent)
    assert not can_go_on(folder)
    before = len(events(folder, "failed"))
    with pytest.raises(SearchError, match=r"every trial failed \(.*begin the run anew in another run\.dir"):
        go(resume=True)
    assert len(events(folder, "failed")) == before


def test_a_search_that_its_nodes_could_not_do_blames_no_silence(go):
    with pytest.raises(SearchError, match=r"every trial failed \(Round 1 .*unplugged.*See journal\.jsonl"):
        go(broken_in("trial"))
