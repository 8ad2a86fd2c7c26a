"""Models of the nodes' own, driven without Flower."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.jobs import Result
from common.personal import Verdict
from common.settings import PersonalSettings, TrainingSettings
from common.tasks import Classification
from server_app.budget import personal_passes
from server_app.journal import Journal
from server_app.stages.personal import Personal
from server_app.stages.rounds import TRIES
from server_app.trials import Trial, TrialState

NODES = ["a", "b", "c"]
HELD = {"train": 40, "validation": 8, "test": 4}
HEAD = Classification(3)
SPEC = LayeredSpec((Linear(width=5, norm="none"),))
WEIGHTS = np.arange(7, dtype=np.float32)
SETTINGS = PersonalSettings("mix", 3, 0.01, (1, 2, 4))
RECIPE = TrainingSettings(epochs=2)


def make(events=None, **changes) -> Personal:
    options = {
        "deadline": 10.0,
        "journal": Journal(None, *([] if events is None else [events.append])),
        "trial": Trial(0, SPEC, RECIPE),
        "arrays": {"weights": WEIGHTS},
        "macs": 100,
        "rounds": 4,
        "settings": SETTINGS,
        "head": HEAD,
        "held": lambda node, split: HELD[split],  # noqa: ARG005
    }
    stage = Personal(**{**options, **changes})
    stage.begin(NODES)
    return stage


def verdict_of(node):
    ways = {way: {"accuracy": value, "loss": 1.0} for way, value in (("common", 0.5), ("personal", ord(node) / 128))}
    return Verdict("personal", ways, ways, 8, 4, 0.5)


def answer(node, job):
    return Result(job.id, "done", "", 40, verdict_of(node).to_metrics(), 0.5)


def exchange(stage, respond=answer, nodes=NODES, unavailable=()):
    """Let an exchange happen, and return what was sent to whom; who gives nothing is silent."""
    stage.refill(nodes, unavailable)
    orders = stage.dispatch(set(nodes) - set(unavailable), 0.0)
    for node, jobs in orders.items():
        for job in jobs:
            if (result := respond(node, job)) is None:
                stage.leave_out(node, [job], "no answer", undecided=True)
            else:
                stage.take(node, job, result)
    stage.settle()
    return orders


def test_each_node_gets_one_message_with_the_winner_and_what_to_do():
    stage = make()
    orders = exchange(stage)
    assert sorted(orders) == NODES
    for (job,) in orders.values():
        assert (job.trial, job.spec, job.arrays) == ("personal-0000", SPEC, {"weights": WEIGHTS})
        work = job.work
        assert (work.kind, work.split, work.round, work.rounds, work.training) == ("personal", "train", 4, 4, RECIPE)
        assert work.personal == SETTINGS
    assert stage.done
    assert stage.verdicts == {node: verdict_of(node) for node in NODES}
    assert stage.trial.state is TrialState.FINISHED
    stage.refill(NODES)
    assert stage.dispatch(NODES, 0.0) == {}


def test_it_costs_what_nodes_train_and_score_and_the_weights_one_way():
    stage = make()
    exchange(stage)
    ledger = stage.trial.ledger
    # local training 4 x 2 epochs, two times 3 of fine-tuning; 1 common, 10 mixes, 3 checkpoints and 1 more; 3 tests
    assert personal_passes(SETTINGS, 2, 4, 40, 8, 4) == 40 * (8 + 6) + 8 * (1 + 10 + 3 + 1) + 4 * 3
    assert ledger.mac_examples == 3 * 100 * (40 * 14 + 8 * 15 + 4 * 3)
    assert (ledger.bytes_down, ledger.bytes_up) == (3 * 7 * 4, 0)
    assert ledger.node_seconds == 1.5


def test_the_order_in_which_nodes_answer_changes_nothing():
    def found(turned):
        stage = make()
        stage.refill(NODES)
        orders = stage.dispatch(NODES, 0.0)
        for node in sorted(orders, reverse=turned):
            stage.take(node, orders[node][0], answer(node, orders[node][0]))
        stage.settle()
        return json.dumps([stage.state_dict(), stage.summary(), stage.table("test")])

    assert found(turned=False) == found(turned=True)


def test_who_is_silent_fails_or_cannot_hold_it_has_no_model_and_the_others_have():
    events: list = []
    stage = make(events, excess=lambda node, trial: "it takes 5 parameters" * (node == "c"))  # noqa: ARG005

    def respond(node, job):
        return None if node == "a" else answer(node, job)

    orders = exchange(stage, respond)
    assert sorted(orders) == ["a", "b"]
    assert stage.done
    assert list(stage.verdicts) == ["b"]
    assert stage.left_out == {"a": "no answer", "c": "it takes 5 parameters"}
    assert [event["node"] for event in events if event["event"] == "absent"] == ["c", "a"]
    (told,) = [event for event in events if event["event"] == "personalized"]
    assert (told["num_nodes"], told["num_left_out"], told["kept"]["personal"]) == (1, 2, 1)


def test_where_all_are_silent_they_are_asked_again_and_in_the_end_the_run_goes_on_without():
    events: list = []
    stage = make(events)
    tries = 0
    while not stage.done:
        assert sorted(exchange(stage, lambda *_: None)) == NODES
        tries += 1
    assert tries == TRIES
    assert [event["tries"] for event in events if event["event"] == "retried"] == [1, 2]
    assert stage.failure == "none of 3 nodes gave a usable result: no answer"
    assert (stage.trial.state, stage.verdicts) == (TrialState.FAILED, {})
    assert stage.summary()["gain"] is None


def test_where_nobody_is_free_it_waits_and_where_nobody_can_hold_it_it_ends():
    stage = make()
    assert exchange(stage, unavailable=NODES) == {}
    assert stage.blocked == "A model of a node's own needs 1 free node"
    assert sorted(exchange(stage)) == NODES
    assert (stage.blocked, stage.done) == ("", True)
    stage = make(excess=lambda *_: "too small")
    assert exchange(stage) == {}
    assert (stage.done, stage.left_out) == (True, dict.fromkeys(NODES, "too small"))


def test_a_result_with_weights_is_refused():
    events: list = []
    stage = make(events)
    exchange(stage, lambda node, job: replace(answer(node, job), arrays={"weights": WEIGHTS}) if node == "a" else None)
    (told,) = [event for event in events if event["event"] == "refused"]
    assert told["reason"] == "A model of a node's own stays there, got ['weights']."


def test_a_result_that_claims_more_training_examples_than_there_are_is_none():
    stage = make()
    exchange(stage, lambda node, job: replace(answer(node, job), num_examples=41) if node == "a" else answer(node, job))
    assert list(stage.verdicts) == ["b", "c"]
    assert "more examples than it said it holds, got 41" in stage.left_out["a"]


def test_who_comes_before_anybody_is_asked_is_asked_and_nobody_after():
    stage = make()
    stage.begin([*NODES, "late"])
    assert sorted(exchange(stage, lambda node, job: None, nodes=[*NODES, "late"])) == sorted([*NODES, "late"])  # noqa: ARG005
    stage.begin([*NODES, "later"])
    assert stage.nodes == tuple(sorted([*NODES, "late"]))


def saved(stage) -> dict:
    return json.loads(json.dumps(stage.state_dict()))


@pytest.mark.parametrize("when", ["before", "asked", "once silent", "done"])
def test_restored_it_ends_as_if_nothing_had_happened(when):
    whole = make()
    if when == "once silent":
        exchange(whole, lambda *_: None)
    expected = make()
    if when == "once silent":
        exchange(expected, lambda *_: None)
    exchange(expected)
    if when == "asked":
        whole.refill(NODES)
        whole.dispatch(NODES, 0.0)
    elif when == "done":
        exchange(whole)
    other = make()
    other.nodes = ()
    other.load_state_dict(saved(whole))
    other.begin([*NODES, "joined"])
    assert other.nodes == tuple(NODES)
    if not other.done:
        exchange(other, nodes=[*NODES, "joined"])
    state, wanted = other.state_dict(), expected.state_dict()
    if when == "asked":  # what had been sent is in the ledger of the run that was killed, and is sent again
        state["trial"]["ledger"], wanted["trial"]["ledger"] = {}, {}
    assert state == wanted
