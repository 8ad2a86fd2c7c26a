"""Whole searches, as in `test_strategy`, on federations that misbehave in ways that once bent scores or ended runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flwr.app import Message

from client_app.app import app
from common.errors import FederationError, SearchError
from common.packing import num_bytes
from server_app import build as wiring
from server_app import handshake
from server_app.exchange import StopRequested
from server_app.trials import TrialState

FINISHED, FAILED = TrialState.FINISHED, TrialState.FAILED
SEARCH, FIRST_ROUND, FINAL = {"event": "search"}, {"event": "round", "trial": "trial-0000"}, {"event": "final"}


def states(played):
    return [trial.state for trial in played.search.trials]


def of_trials(message, prefix):
    return "order" in message.content and message.content["order"]["trial"][0].startswith(prefix)


# ---------------------------------------------------------------- too few nodes, for a while


@pytest.mark.parametrize("order", ["rounds", "arrival"])
@pytest.mark.parametrize("under_its_id", [True, False])
def test_a_search_that_waits_for_nodes_looks_for_those_that_come_back(grid, configure, play, order, under_its_id):
    """All three must score, and one is gone when the others are ready for it."""
    ids, moments = grid.people("abc"), []

    def a_while_later():
        moments.extend([1] * (not grid.nodes[ids["c"]].there))
        if len(moments) == 10:
            if under_its_id:
                grid.come_back(ids["c"])
            else:
                grid.person("c")

    played = play(
        grid,
        configure(scoring={"min_nodes": 3}, federation={"order": order}, search={"concurrency": 1}),
        when=[({"event": "round", "round": 2}, lambda: grid.leave(ids["c"]))],
        stop=a_while_later,
        final=False,
    )
    assert played.error is None
    assert states(played) == [FINISHED] * 3
    assert {trial.metrics["nodes"] for trial in played.search.trials} == {3}


def test_nodes_that_do_not_come_back_end_it_in_one_sentence(grid, configure, play):
    ids = grid.people("abc")
    played = play(
        grid,
        configure(scoring={"min_nodes": 3}, federation={"patience": 0.05}),
        when=[({"event": "round", "round": 2}, lambda: grid.leave(ids["c"]))],
    )
    assert isinstance(played.error, FederationError)
    assert str(played.error).startswith("For 0.05 s too few nodes were free (A trial needs 3 free nodes). Start nodes")


# ---------------------------------------------------------------- the final training


def broken_in_the_final(message, context):
    if of_trials(message, "final"):
        raise RuntimeError("the battery is empty")
    return app(message, context)


def test_a_final_training_that_fails_is_an_error_and_the_searchs_weights_are_kept(grid, configure, play):
    for name in "abc":
        grid.person(name, broken_in_the_final)
    played = play(grid, configure())
    assert isinstance(played.error, SearchError)
    assert str(played.error).startswith("The final training of the winner failed (Round 1 failed, none of 3 nodes")
    winner = played.search.winner
    assert winner.number in played.search.trained


def test_a_final_round_that_nobody_answers_is_tried_again(grid, configure, play):
    ids, asked = {}, []

    def once_silent(message, context):
        if of_trials(message, "final") and len(asked) < 3:
            asked.append(1)
            return None
        return app(message, context)

    for name in "abc":
        ids[name] = grid.person(name, once_silent)

    def back():
        for name in "abc":
            grid.leave(ids[name])
            ids[name] = grid.person(name, once_silent)

    played = play(
        grid,
        configure(federation={"deadline": 0.1}),
        when=[({"event": "absent", "trial": "final-0000", "node": "c"}, back)],
    )
    assert played.error is None
    assert [event["trial"] for event in played.kinds("retried")] == ["final-0000", "final-0001"]
    assert [trial.state for trial in played.strategy.outcome.final.trials] == [FINISHED] * 2


def test_a_model_whose_test_fails_is_kept_with_the_weights_of_the_final(grid, configure, play):
    def no_test(message, context):
        if of_trials(message, "final") and "test" in message.content["order"]["action"]:
            raise RuntimeError("no such file")
        return app(message, context)

    for name in "abc":
        grid.person(name, no_test)
    played = play(grid, configure())
    assert isinstance(played.error, SearchError)
    assert "no such file" in str(played.error)
    final = played.strategy.outcome.final
    assert (final.trials[0].rounds, final.trials[0].metrics) == (1, {})
    assert final.trained[0].shape == played.search.trained[played.search.winner.number].shape


def test_an_interrupt_in_the_final_keeps_the_winner(grid, configure, play):
    grid.people("abc")
    asked = []
    played = play(grid, configure(), when=[(FINAL, lambda: asked.append(1))], stop=lambda: "Ctrl-C." if asked else None)
    assert isinstance(played.error, StopRequested)
    assert played.search.winner.number in played.search.trained


# ---------------------------------------------------------------- messages


def test_the_time_a_message_lives_goes_back_once_its_node_answers(grid, configure, play, monkeypatch):
    """Two are lost, one is answered, one is lost: the last loss counts as the first did."""
    monkeypatch.setattr(wiring, "_LEAST_TTL", 0.0)
    grid.people("ab")
    orders = []

    def moody(message, context):
        if message.metadata.message_type == "query":
            return app(message, context)
        orders.append(message.metadata.ttl)
        return None if len(orders) in (1, 2, 4) else app(message, context)

    grid.person("c", moody)
    played = play(
        grid,
        configure(
            fidelity={"name": "full", "max_rounds": 5000},
            federation={"deadline": 0.06, "patience": 5.0},
            search={"trials": 1, "concurrency": 1},
        ),
        stop=lambda: "enough" if len(orders) >= 6 else None,
        final=False,
    )
    assert isinstance(played.error, StopRequested)
    assert orders[:6] == [0.12, 0.24, 0.48, 0.12, 0.24, 0.12]


def test_what_flower_did_not_accept_was_never_sent(grid, configure, play):
    ids = grid.people("abc")
    unregister = lambda: grid.state.delete_node(grid.state.nodes[ids["b"]].owner_aid, ids["b"])  # noqa: E731
    played = play(grid, configure(), when=[({"event": "proposed"}, unregister)], final=False)
    outcome = played.strategy.outcome
    assert outcome.counts.messages == len(grid.sent)
    sent = sum(num_bytes(message.content) for message in grid.sent)
    assert outcome.counts.bytes_down == sent == sum(trial.ledger.bytes_down for trial in outcome.search.trials) > 0


def test_a_node_that_claims_to_hold_what_it_does_not_refuses_nobody_else(grid, configure, play):
    def boastful(message, context):
        reply = app(message, context)
        if message.metadata.message_type == "train":
            metrics = reply.content["metrics"]
            metrics["num-examples"] = [2**29 - 1] * len(metrics["num-examples"])
        return Message(reply.content, reply_to=message)

    grid.person("a", boastful)
    grid.people("bc")
    played = play(grid, configure())
    assert played.error is None
    assert played.trainers() == [["b", "c"]] * 2
    assert {event["node"] for event in played.kinds("refused")} == {"a"}


# ---------------------------------------------------------------- more nodes than are asked at once


NAMES = "abcdefghij"


@pytest.fixture
def many(monkeypatch, configure):
    """Of ten nodes four are asked at the start; three train in a round."""
    monkeypatch.setattr(handshake, "AT_ONCE", 4)
    return configure(
        federation={"nodes": 10},
        placement={"name": "shared", "nodes_per_round": 3},
        fidelity={"name": "full", "max_rounds": 4},
        final={"rounds": 1},
    )


def questions(grid, kind):
    return sorted(grid.name(message) for message in grid.sent if kind in message.content)


def test_of_many_nodes_a_sample_is_asked_at_the_start_and_the_rest_when_it_is_needed(grid, many, play):
    grid.people(NAMES)
    asked = []
    played = play(grid, many, when=[(SEARCH, lambda: asked.extend(questions(grid, "question")))])
    assert played.error is None
    assert states(played) == [FINISHED] * 3
    assert questions(grid, "call") == list(NAMES)
    assert len(asked) == 4
    trials = ["trial-0000", "trial-0001", "trial-0002", "final-0000"]
    needed = {name for trial in trials for names in played.trainers(trial) for name in names}
    assert set(questions(grid, "question")) == set(asked) | needed
    assert {len(names) for names in played.trainers()} == {3}
    assert not played.kinds("absent")
    assert {trial.metrics["nodes"] for trial in played.search.trials} == {4}


def test_the_sample_is_drawn_by_the_seed_whatever_the_ids_and_the_order_of_the_answers(make_grid, many, play):
    def run(names, backwards):
        grid = make_grid()
        grid.people(names)
        grid.backwards = backwards
        return play(grid, many)

    once, again = run(NAMES, False), run(NAMES[::-1], True)
    assert once.history == again.history
    np.testing.assert_array_equal(once.weights, again.weights)
    assert once.strategy.outcome.nodes == again.strategy.outcome.nodes


def test_a_node_that_turns_out_not_to_fit_is_left_out_and_told(grid, many, play, flower_log):
    """Its name alone says nothing of its data; it is asked when a round needs it."""
    grid.people(NAMES)
    first = play(grid, many, final=False)
    odd = next(name for names in first.trainers() for name in names if name not in first.strategy.outcome.nodes)
    other = type(grid)(grid._files)
    other.people(NAMES.replace(odd, ""))
    other.person(odd, features=5)
    played = play(other, many, final=False)
    assert played.error is None
    (refused,) = played.kinds("node_refused")
    assert refused["node"] == odd
    assert "must have the shape (4,), got (5,)" in refused["reason"]
    assert f"The server leaves this node out: {refused['reason']}" in flower_log.text
    assert states(played) == [FINISHED] * 3


def test_a_node_that_does_not_say_what_it_has_is_left_out_after_a_while(grid, many, play):
    grid.people(NAMES)
    first = play(grid, many, final=False)
    odd = next(name for names in first.trainers() for name in names if name not in first.strategy.outcome.nodes)

    def named_only(message, context):
        return app(message, context) if "call" in message.content else None

    other = type(grid)(grid._files)
    other.people(NAMES.replace(odd, ""))
    other.person(odd, named_only)
    impatient = replace(many, federation=replace(many.federation, patience=0.2))
    played = play(other, impatient, final=False)
    assert played.error is None
    assert states(played) == [FINISHED] * 3
    assert {event["node"] for event in played.kinds("absent")} == {odd}
    busy = {"not there, or busy with other messages", "still busy with an earlier message"}
    assert {event["reason"] for event in played.kinds("absent")} <= busy


def test_patience_grows_with_the_number_of_nodes_so_that_speed_admits_nobody(grid, configure, play):
    ids, moments = grid.people("abc"), []
    grid.nodes[ids["c"]].holding = True

    def after_the_patience_of_one():
        moments.append(1)
        if len(moments) == 60:
            grid.release(ids["c"])

    config = configure(federation={"patience": 0.02, "poll": 0.002})
    played = play(grid, config, stop=after_the_patience_of_one, final=False)
    assert played.strategy.outcome.nodes == ["a", "b", "c"]
