"""Whole searches, as in `test_strategy`, on federations that misbehave in ways that once bent scores or ended runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flwr.app import Message

from client_app.app import app
from common.errors import FederationError, SearchError
from common.wire.arrays import num_bytes
from server_app import federation as wiring
from server_app import handshake
from server_app.exchange import StopRequested
from server_app.trials import TrialState

FINISHED, FAILED = TrialState.FINISHED, TrialState.FAILED
SCALED, SEARCH, FINAL = {"event": "scaled"}, {"event": "search"}, {"event": "final"}
FIRST_ROUND = {"event": "round", "trial": "trial-0000"}


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


@pytest.mark.parametrize("order", ["rounds", "arrival"])
def test_a_lost_message_costs_its_life_and_no_trial(grid, configure, play, monkeypatch, order):
    """Its node, started again under its id, is free when the message has died: longer than anybody's patience."""
    monkeypatch.setattr(wiring, "_LEAST_TTL", 0.0)
    lost = []

    def forgets_one(message, context):
        if message.metadata.message_type == "train" and not lost:
            lost.append(message)
            return None
        return app(message, context)

    grid.person("a")
    grid.person("b", forgets_one)
    config = configure(federation={"deadline": 0.3, "patience": 0.03, "nodes": 2, "order": order})
    played = play(grid, config, final=False)
    assert played.error is None
    assert states(played) == [FINISHED] * 3
    assert {trial.metrics["nodes"] for trial in played.search.trials} == {2}


def test_an_outage_of_all_nodes_fails_no_trial(grid, configure, play, monkeypatch):
    monkeypatch.setattr(wiring, "_LEAST_TTL", 0.0)
    lost = []

    def down_once(message, context):
        if message.metadata.message_type == "train" and len(lost) < 3:
            lost.append(message)
            return None
        return app(message, context)

    for name in "abc":
        grid.person(name, down_once)
    played = play(grid, configure(federation={"deadline": 0.2, "patience": 0.03}), final=False)
    assert played.error is None
    assert states(played) == [FINISHED] * 3
    assert {event["trial"] for event in played.kinds("retried")} == {f"trial-000{i}" for i in range(3)}


def test_a_node_that_comes_back_as_we_look_elsewhere_is_not_missed(grid, configure, play, monkeypatch):
    """Between the choice of nodes and the wait for a change."""
    ids = grid.people("abc")
    looks, ask = [], grid.get_node_ids

    def node_ids():
        there = list(ask())
        if not grid.nodes[ids["c"]].there:
            looks.append(1)
            if len(looks) == 2:  # the first is for the number of nodes, the second for the choice
                grid.come_back(ids["c"])
        return there

    monkeypatch.setattr(grid, "get_node_ids", node_ids)
    played = play(
        grid,
        configure(scoring={"min_nodes": 3}, federation={"patience": 0.2}),
        when=[({"event": "round", "round": 2, "trial": "trial-0002"}, lambda: grid.leave(ids["c"]))],
        final=False,
    )
    assert played.error is None
    assert states(played) == [FINISHED] * 3


def test_a_trial_that_fails_as_it_starts_leaves_its_place_to_the_next(grid, configure, play):
    """Nothing is under way then, and nothing needs waiting for."""
    grid.people("abc")
    sizes = {width: 8 * width + 3 for width in (3, 5, 8)}

    def shrink():
        for node in grid.nodes.values():
            node.context.node_config["max-params"] = sizes[3]

    played = play(
        grid,
        configure(search={"concurrency": 1}, federation={"patience": 0.2}, controller={"name": "random"}),
        when=[(FIRST_ROUND, shrink)],
        final=False,
    )
    assert played.error is None
    wide = [trial for trial in played.search.trials[1:] if trial.spec.layers[0].width > 3]
    assert {trial.state for trial in wide} == {FAILED}
    assert all("can hold its spec" in trial.failure for trial in wide)
    assert [t.state for t in played.search.trials[1:] if t not in wide] == [FINISHED] * (2 - len(wide))


def test_a_node_that_does_none_of_its_jobs_is_left_out(grid, configure, play):
    def lazy(message, context):
        reply = app(message, context)
        if "results" in reply.content:
            table = reply.content["results"]
            table["status"] = ["unfinished"] * len(table["status"])
        return Message(reply.content, reply_to=message)

    grid.people("ab")
    grid.person("c", lazy)
    played = play(grid, configure(), final=False)
    assert played.error is None
    assert states(played) == [FINISHED] * 3
    assert "does the first job of an order" in played.kinds("absent", node="c")[0]["reason"]


def test_nodes_that_leave_as_the_last_result_is_in_spoil_nothing(grid, configure, play):
    ids = grid.people("abc")
    played = play(
        grid,
        configure(federation={"patience": 0.05}),
        when=[({"event": "finished", "trial": "final-0003"}, lambda: [grid.leave(i) for i in ids.values()])],
    )
    assert played.error is None
    assert [trial.state for trial in played.strategy.outcome.final.trials] == [FINISHED] * 4


def test_the_test_is_of_the_nodes_that_are_there_when_the_final_training_begins(grid, configure, play):
    grid.people("abc")
    late = []
    played = play(
        grid,
        configure(federation={"patience": 0.2}, final={"rounds": 2}),
        when=[
            (FIRST_ROUND, lambda: late.extend(grid.person(name) for name in "defg")),
            ({"event": "scored", "trial": "trial-0002"}, lambda: [grid.leave(i) for i in late]),
        ],
    )
    assert played.error is None
    assert played.strategy.outcome.final.trials[0].metrics["nodes"] == 3


@pytest.mark.parametrize("moment", [SCALED, FINAL])
@pytest.mark.parametrize("changes", [{"scoring": {"min_nodes": 3}}, {}, {"aggregation": {"name": "fedmedian"}}])
def test_a_stage_waits_for_the_nodes_that_are_away_as_it_begins(grid, configure, play, moment, changes):
    ids, moments = grid.people("abc"), []

    def go():
        for name in "bc":
            grid.leave(ids[name])
        moments.append(0)

    def a_while_later():
        moments.extend([1] * bool(moments))
        if len(moments) == 12:
            for name in "bc":
                grid.come_back(ids[name])

    played = play(grid, configure(federation={"patience": 5.0}, **changes), when=[(moment, go)], stop=a_while_later)
    assert played.error is None
    assert {trial.metrics["nodes"] for trial in played.search.trials} == {3}
    assert played.strategy.outcome.final.trials[0].metrics["nodes"] == 3


def test_a_moment_in_which_flower_accepts_nothing_fails_no_trial(grid, configure, play, monkeypatch):
    grid.people("abc")
    refused, push = [], grid.push_messages

    def nothing_for_a_while(messages):
        messages = list(messages)
        if "order" in messages[0].content and len(refused) < 6:
            refused.append(1)
            return []
        return push(messages)

    monkeypatch.setattr(grid, "push_messages", nothing_for_a_while)
    played = play(grid, configure(), final=False)
    assert played.error is None
    assert states(played) == [FINISHED] * 3
    assert {event["tries"] for event in played.kinds("retried")} == {1, 2}


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
    assert played.search.weights.weights(winner.number) is not None


def test_a_final_round_that_nobody_answers_is_tried_again(grid, configure, play, monkeypatch):
    monkeypatch.setattr(wiring, "_LEAST_TTL", 0.0)
    asked = []

    def once_silent(message, context):
        if of_trials(message, "final") and len(asked) < 3:
            asked.append(1)
            return None
        return app(message, context)

    for name in "abc":
        grid.person(name, once_silent)
    played = play(grid, configure(federation={"deadline": 2.0}))
    assert played.error is None
    assert [event["trial"] for event in played.kinds("retried")] == [f"final-000{number}" for number in range(4)]
    assert [trial.state for trial in played.strategy.outcome.final.trials] == [FINISHED] * 4


def test_a_model_whose_test_fails_is_kept_with_the_weights_of_the_final(grid, configure, play):
    def no_test(message, context):
        if of_trials(message, "final") and "test" in message.content["order"]["split"]:
            raise RuntimeError("no such file")
        return app(message, context)

    for name in "abc":
        grid.person(name, no_test)
    played = play(grid, configure())
    assert isinstance(played.error, SearchError)
    assert "no such file" in str(played.error)
    final = played.strategy.outcome.final
    assert (final.trials[0].rounds, final.trials[0].metrics) == (1, {})
    assert final.weights_of(0).shape == played.search.weights.weights(played.search.winner.number).shape


def test_an_interrupt_in_the_final_keeps_the_winner(grid, configure, play):
    grid.people("abc")
    asked = []
    played = play(grid, configure(), when=[(FINAL, lambda: asked.append(1))], stop=lambda: "Ctrl-C." if asked else None)
    assert isinstance(played.error, StopRequested)
    assert played.search.weights.weights(played.search.winner.number) is not None


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


def test_more_are_asked_where_more_are_wanted_and_where_some_do_not_fit(grid, many, play):
    grid.people(NAMES[:7])
    for name in NAMES[7:]:
        grid.person(name, features=5)
    wanted = replace(many, federation=replace(many.federation, min_nodes=6), aggregation={"name": "krum"})
    wanted = replace(wanted, placement={"name": "shared", "nodes_per_round": 5})
    played = play(grid, wanted, final=False)
    assert played.error is None
    assert len(played.strategy.outcome.nodes) >= 6
    assert set(played.strategy.outcome.nodes) <= set(NAMES[:7])


def test_a_node_that_is_called_otherwise_than_it_says_is_left_out(grid, many, play):
    grid.people(NAMES)
    first = play(grid, many, final=False)
    odd = next(name for names in first.trainers() for name in names if name not in first.strategy.outcome.nodes)

    def two_faced(message, context):
        content = app(message, context).content
        if "report" in content:
            content["report"]["node"] = content["report"]["node"].replace(f'"name": "{odd}"', '"name": "zorro"')
        return Message(content, reply_to=message)

    other = type(grid)(grid._files)
    other.people(NAMES.replace(odd, ""))
    other.person(odd, two_faced)
    played = play(other, many, final=False)
    assert played.error is None
    (refused,) = played.kinds("node_refused")
    assert (refused["node"], "must keep its name" in refused["reason"]) == (odd, True)


@pytest.mark.parametrize("limit", [1, 27])
@pytest.mark.parametrize("seed", range(6))
def test_nodes_that_turn_out_to_be_too_small_are_no_verdict_on_a_spec(grid, many, play, seed, limit):
    """Their limits are learnt after they were drawn; the round is drawn again among those that can.

    Nothing has a single parameter, so that they are left out of the search; the smallest of the specs has 27.
    """
    grid.people(NAMES)
    one = replace(many, placement={"name": "shared", "nodes_per_round": 1}, seed=seed)
    first = play(grid, one, final=False)
    late = {name for names in first.trainers() for name in names} - set(first.strategy.outcome.nodes)
    other = type(grid)(grid._files)
    for name in NAMES:
        node_id = other.person(name)
        if name in late:
            other.nodes[node_id].context.node_config["max-params"] = limit
    played = play(other, one, final=False)
    assert played.error is None
    assert FAILED not in states(played)
    refused, absent = ({event["node"] for event in played.kinds(kind)} for kind in ("node_refused", "absent"))
    assert (refused, absent <= late) == (late if limit == 1 else set(), True)


def test_a_question_that_is_lost_at_once_is_not_asked_at_full_speed(grid, many, play, monkeypatch):
    grid.people(NAMES)
    first = play(grid, many, final=False)
    odd = next(name for names in first.trainers() for name in names if name not in first.strategy.outcome.nodes)
    other = type(grid)(grid._files)
    other.people(NAMES)
    tries, push = [], other.push_messages

    def loses(messages):
        messages = list(messages)
        if "question" in messages[0].content and other.name(messages[0]) == odd:
            tries.append(1)
            return []
        return push(messages)

    monkeypatch.setattr(other, "push_messages", loses)
    played = play(other, replace(many, federation=replace(many.federation, patience=0.3)), final=False)
    assert played.error is None
    assert states(played) == [FINISHED] * 3
    assert odd in {event["node"] for event in played.kinds("absent")}
    assert len(tries) < 20


def test_patience_grows_with_the_number_of_nodes_so_that_speed_admits_nobody(grid, configure, play):
    ids, moments = grid.people("abc"), []
    grid.nodes[ids["c"]].holding = True

    def after_the_patience_of_one():
        moments.append(1)
        if len(moments) == 60:
            grid.release(ids["c"])

    config = configure(federation={"patience": 0.02, "poll": 0.002})
    played = play(grid, config, stop=after_the_patience_of_one, final=False)
    assert list(played.strategy.outcome.nodes) == ["a", "b", "c"]
