"""Whole searches: Flower's grid, the real ClientApp, tiny models. Only Ray and the network are missing."""

from __future__ import annotations

import math
import re
import time
from itertools import pairwise

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict
from flwr.serverapp.strategy import Strategy

from client_app.app import app
from common.architecture.cost import cost_of
from common.architecture.kinds.constant import ConstantSpec
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.spec import ArchitectureSpec
from common.data import Holder, load_node_test
from common.errors import ConfigError, FederationError, SearchError, SpaceError, SpecError
from common.models.builder import build
from common.models.evaluation import evaluate
from common.seeding import generator
from common.settings import DatasetSettings
from common.tasks import Classification
from common.wire.arrays import pack
from server_app import federation as wiring
from server_app import handshake
from server_app.build import build_strategy
from server_app.exchange import StopRequested
from server_app.journal import Journal
from server_app.scoring import Scoring
from server_app.trials import TrialState

FINISHED, FAILED = TrialState.FINISHED, TrialState.FAILED
SEARCH, FIRST_ROUND = {"event": "search"}, {"event": "round", "trial": "trial-0000"}


def silent(message, context):
    return None


def first_time(odd):
    """Answer the first order by `odd`, and all other messages as the ClientApp does."""
    orders = []

    def answer(message, context):
        orders.extend([message] if message.metadata.message_type == "train" else [])
        odd_one = len(orders) == 1 and message.metadata.message_type == "train"
        return (odd if odd_one else app)(message, context)

    return answer


def orders_only(odd):
    """Answer the handshake as the ClientApp does, and every order by `odd`."""
    return lambda message, context: (app if message.metadata.message_type == "query" else odd)(message, context)


def hold(grid, *node_ids):
    def start():
        for node_id in node_ids:
            grid.nodes[node_id].holding = True

    return start


def states(played):
    return [trial.state for trial in played.search.trials]


def rounds_of(played, trial="trial-0000"):
    return played.trainers(trial)


# ---------------------------------------------------------------- a search that goes well


@pytest.fixture
def calm(grid, configure, play):
    """Three nodes, three trials of two rounds, and the final training."""
    grid.people("abc")
    return play(grid, configure())


def test_a_search_ends_with_all_trials_ranked_and_the_candidates_tested(calm):
    assert calm.error is None
    assert states(calm) == [FINISHED] * 3
    scores = [trial["score"] for trial in calm.history]
    assert scores == sorted(scores, reverse=True)
    final = calm.strategy.outcome.final
    assert final.runs("winner")[0].spec.id == final.trials[0].spec.id == calm.history[0]["spec_id"]
    assert final.runs("baseline")[0].spec == LayeredSpec(())
    assert final.runs("linear")[0].spec == LayeredSpec(())
    assert final.runs("constant")[0].spec == ConstantSpec()
    assert [trial.state for trial in final.trials] == [FINISHED] * 4
    np.testing.assert_array_equal(calm.weights, final.weights_of(0))


@pytest.fixture
def holding(grid, tmp_path):
    """A function that starts a node with these classes in its training and in its test split."""

    def start(name, train, test):
        y = np.concatenate([np.resize(train, 45), np.resize(test, 45)])
        x = generator(0, name).normal(0, 1, (90, 4)).astype(np.float32)
        np.savez(tmp_path / f"{name}.npz", x=x, y=y, split=np.repeat([0, 1], 45))
        grid.join(name=name, data=str(tmp_path / f"{name}.npz"))

    return start


@pytest.mark.parametrize("many", [1, 2])
def test_a_search_by_auroc_ends_with_tests_that_have_none(many, holding, grid, configure, play):
    holding("a", train=[0, 1, 2], test=[0, 1])
    holding("b", train=[0, 1, 2], test=[2, 1])
    final = {"finalists": many, "seeds": many}
    played = play(grid, configure(objective={"name": "auroc"}, federation={"nodes": 2}, final=final))
    assert played.error is None
    runs = played.strategy.outcome.final.runs("winner")
    assert len(runs) == many
    assert "auroc" in played.search.winner.metrics
    for run in runs:
        assert "auroc" not in run.metrics
        assert "accuracy" in run.metrics


def test_a_search_by_auroc_that_no_node_can_report_ends_at_its_first_score(holding, grid, configure, play):
    holding("a", train=[0, 1], test=[0, 1, 2])
    holding("b", train=[0, 2], test=[0, 1, 2])
    played = play(grid, configure(objective={"name": "auroc"}, federation={"nodes": 2}))
    assert isinstance(played.error, ConfigError)
    assert str(played.error) == (
        "No node of the panel has what the objective 'auroc' takes, so it can rank no trial. "
        "Set objective=balanced_accuracy."
    )
    assert played.counts["failed"] == 0


def test_the_journal_tells_it_in_order(calm):
    # 3 trials and 4 candidates: of 2 rounds and of 1; each scored once
    expected = {
        "node": 3,
        "scaled": 1,
        "search": 1,
        "proposed": 7,
        "round": 3 * 2 + 4 * 1,
        "scored": 7,
        "finished": 7,
        "final": 1,
    }
    assert {kind: number for kind, number in calm.counts.items() if kind != "best"} == expected
    order = [event["event"] for event in calm.events]
    assert order.index("node") < order.index("search") < order.index("proposed") < order.index("final")
    assert all(nodes == ["a", "b", "c"] for nodes in rounds_of(calm))


def test_messages_and_bytes_are_counted_as_they_travel(calm, grid):
    outcome = calm.strategy.outcome
    counts = outcome.counts
    # one message per node: the handshake; 2 rounds and a score; 1 round and a test
    assert counts.messages == 3 * (1 + 3 + 2) == len(grid.sent)
    assert counts.exchanges == 3 + 2
    search, final = (
        [cost_of(trial.spec.lower(outcome.task)).message_bytes for trial in part.trials]
        for part in (outcome.search, outcome.final)
    )
    assert counts.bytes_down == 3 * (3 * sum(search) + 2 * sum(final))
    assert counts.bytes_up == 3 * (2 * sum(search) + 1 * sum(final))
    assert [trial.ledger.bytes_down for trial in outcome.search.trials] == [3 * 3 * size for size in search]
    assert [trial.ledger.bytes_up for trial in outcome.search.trials] == [3 * 2 * size for size in search]
    assert set(outcome.seconds) == {"start_up", "handshake", "search", "final"}


def test_scoring_alone_is_an_evaluate_message_for_flower(calm, grid):
    (node_id, *_) = grid.nodes
    assert grid.sent_to(node_id) == ["query", "train", "train", "evaluate", "train", "evaluate"]
    rounds = [m.metadata.group_id for m in grid.sent if m.metadata.dst_node_id == node_id]
    assert rounds[1:] == ["1", "2", "3", "4", "5"]


def test_without_a_final_training_the_best_trials_weights_are_returned(grid, configure, play):
    grid.people("abc")
    played = play(grid, configure(), final=False)
    np.testing.assert_array_equal(played.weights, played.search.weights.weights(played.search.ranking[0].number))
    assert played.strategy.outcome.final is None


def test_the_test_scores_are_those_of_the_returned_weights_on_the_nodes_test_splits(grid, configure, play):
    dataset = DatasetSettings(name="digits", partition="dirichlet")
    for index in range(3):
        grid.join(partition_id=index, num_partitions=3)
    played = play(grid, configure(dataset=dataset, search={"trials": 1}, fidelity={"name": "full", "max_rounds": 1}))
    outcome = played.strategy.outcome
    assert list(outcome.nodes) == ["partition-0", "partition-1", "partition-2"]
    model = build(outcome.final.trials[0].spec.lower(outcome.task), played.weights)
    parts = [load_node_test(dataset, Holder(index, 3), seed=0) for index in range(3)]
    accuracies = [evaluate(model, part, outcome.task.head)["accuracy"] for part in parts]
    sizes = [len(part) for part in parts]
    metrics = outcome.final.trials[0].metrics
    assert metrics["examples"] == sum(sizes)
    assert metrics["accuracy"] == pytest.approx(np.average(accuracies, weights=sizes), abs=1e-9)
    assert metrics["accuracy_std"] == pytest.approx(np.std(accuracies), abs=1e-9)


# ---------------------------------------------------------------- determinism and order


@pytest.mark.parametrize(("backwards", "per_pull"), [(False, None), (True, None), (True, 1), (False, 2)])
def test_a_seed_gives_one_search_in_whatever_order_the_nodes_answer(make_grid, configure, play, backwards, per_pull):
    def run(seed, backwards=False, per_pull=None):
        grid = make_grid()
        grid.people("abc")
        grid.backwards, grid.per_pull = backwards, per_pull
        return play(grid, configure(seed=seed, placement={"name": "shared", "nodes_per_round": 2}))

    once, again = run(7), run(7, backwards, per_pull)
    assert once.history == again.history
    assert once.weights.tobytes() == again.weights.tobytes()
    assert [event["event"] for event in once.events] == [event["event"] for event in again.events]


def test_another_seed_gives_another_search(make_grid, configure, play):
    def run(seed):
        grid = make_grid()
        grid.people("abc")
        return play(grid, configure(seed=seed), final=False)

    assert run(1).history != run(2).history


def test_order_arrival_ends_with_the_same_trials(grid, configure, play):
    grid.people("abc")
    grid.per_pull = 1
    played = play(grid, configure(federation={"order": "arrival"}))
    assert states(played) == [FINISHED] * 3
    assert [trial.rounds for trial in played.search.trials] == [2, 2, 2]
    assert played.counts["scored"] == 3 + 4
    assert not played.kinds("absent")


def test_order_arrival_fills_a_finished_trials_place_at_once(grid, configure, play):
    """The slow node's trial waits; the three others go through the hands of the quick node meanwhile."""
    (quick,) = Scoring(panel=1).panel_of("ab", seed=0)
    (slow,) = {"a", "b"} - {quick}
    ids = grid.people([quick, slow])
    played = play(
        grid,
        configure(
            federation={"order": "arrival", "nodes": 2, "deadline": 30.0},
            placement={"name": "split"},
            scoring={"panel": 1},
            search={"trials": 3, "concurrency": 2},
            fidelity={"name": "full", "max_rounds": 1},
        ),
        when=[
            (SEARCH, hold(grid, ids[slow])),
            ({"event": "finished", "trial": "trial-0002"}, lambda: grid.release(ids[slow])),
        ],
        final=False,
    )
    assert states(played) == [FINISHED] * 3
    assert not played.kinds("absent")
    waited = [trial for trial in ("trial-0000", "trial-0001") if played.trainers(trial) == [[slow]]]
    assert [played.kinds("finished")[-1]["trial"]] == waited


def test_order_arrival_keeps_the_jobs_of_a_busy_node_until_it_answers(grid, configure, play):
    """The quick node's trial is to be scored by both while the slow one still trains its own."""
    ids = grid.people("ab")
    played = play(
        grid,
        configure(
            federation={"order": "arrival", "nodes": 2, "deadline": 30.0},
            placement={"name": "split"},
            search={"trials": 2, "concurrency": 2},
            fidelity={"name": "full", "max_rounds": 1},
        ),
        when=[(SEARCH, hold(grid, ids["b"])), ({"event": "round", "nodes": ["a"]}, lambda: grid.release(ids["b"]))],
        final=False,
    )
    assert states(played) == [FINISHED] * 2
    assert [trial.metrics["nodes"] for trial in played.search.trials] == [2, 2]
    assert not played.kinds("absent")


# ---------------------------------------------------------------- people held out


def works(grid, node_id, prefix):
    """What a node was asked to do for trials whose name begins so: kinds of work with their splits."""
    orders = [m.content["order"] for m in grid.sent if m.metadata.dst_node_id == node_id and "order" in m.content]
    jobs = [job for o in orders for job in zip(o["trial"], o["kind"], o["split"], strict=True)]
    return {(kind, split) for trial, kind, split in jobs if trial.startswith(prefix)}


def test_who_is_held_out_scores_in_the_search_and_trains_in_the_final(grid, configure, play):
    """0.2 of ten nodes are two."""
    ids = grid.people("abcdefghij")
    config = configure(dataset={"people": True}, federation={"nodes": 10})
    played = play(grid, config)
    assert played.error is None
    (event,) = played.kinds("search")
    assert (event["held_out"], len(event["panel"])) == (2, 2)
    order = [event["event"] for event in played.events]
    assert order.index("scaled") < order.index("search") < order.index("proposed")
    for name, node_id in ids.items():
        kind = ("score", "all") if name in event["panel"] else ("train", "train")
        assert works(grid, node_id, "trial") == {kind}
        assert works(grid, node_id, "final") == {("train", "train"), ("score", "test")}
    # 40 examples each: a fifth for the test, the others are trained on by nobody
    assert {trial.metrics["examples"] for trial in played.search.trials} == {2 * 32}
    assert played.kinds("scaled")[0]["num_nodes"] == 10


def test_a_node_that_joins_later_is_not_held_out(grid, configure, play):
    ids = grid.people("abcd")
    config = configure(scoring={"held_out": 0.25}, federation={"nodes": 4}, fidelity={"name": "full", "max_rounds": 3})
    played = play(grid, config, when=[(FIRST_ROUND, lambda: ids.update(grid.people("efgh")))], final=False)
    (held_out,) = played.kinds("search")[0]["panel"]
    assert played.search.held_out == (held_out,)
    for name, node_id in ids.items():
        assert works(grid, node_id, "trial") == {("score", "all") if name == held_out else ("train", "train")}


def test_with_folds_each_node_trains_what_it_does_not_score_and_all_train_in_the_final(grid, configure, play):
    ids = grid.people("abcde")
    played = play(grid, configure(dataset={"people": True}, scoring={"folds": 2}, federation={"nodes": 5}))
    assert played.error is None
    (event,) = played.kinds("search")
    assert (event["folds"], event["held_out"], event["panel"]) == (2, 0, list("abcde"))
    for name, node_id in ids.items():
        own = [fold for fold in (0, 1) if name in played.search.folds[fold]]
        assert len(own) == 1
        for trial in ("trial-0000", "trial-0001", "trial-0002"):
            assert works(grid, node_id, f"{trial}.{own[0]}") == {("score", "all")}
            assert works(grid, node_id, f"{trial}.{1 - own[0]}") == {("train", "train")}
        assert works(grid, node_id, "final") == {("train", "train"), ("score", "test")}
    # 40 examples each, of which a fifth is for the test
    assert {(trial.metrics["nodes"], trial.metrics["examples"]) for trial in played.search.trials} == {(5, 5 * 32)}
    assert states(played) == [FINISHED] * 3


# ---------------------------------------------------------------- nodes that are late, silent, or gone


def test_a_node_that_never_answers_costs_one_message_and_one_deadline(grid, configure, play):
    ids = grid.people("ab")
    ids["c"] = grid.person("c", orders_only(silent))
    played = play(grid, configure(federation={"deadline": 0.05}))
    assert states(played) == [FINISHED] * 3
    assert all(nodes == ["a", "b"] for nodes in rounds_of(played))
    assert grid.sent_to(ids["c"]) == ["query", "train"]
    reasons = [event["reason"] for event in played.kinds("absent", trial="trial-0000", node="c")]
    assert reasons == ["no answer within 0.05 s"] + ["still busy with an earlier message"] * 2
    assert played.strategy.outcome.final.trials[0].metrics["nodes"] == 2


def test_a_node_that_answers_after_its_deadline_is_used_again(grid, configure, play):
    ids = grid.people("abc")
    played = play(
        grid,
        configure(fidelity={"name": "full", "max_rounds": 3}, federation={"deadline": 0.5}),
        when=[(SEARCH, hold(grid, ids["c"])), ({"event": "absent"}, lambda: grid.release(ids["c"]))],
        final=False,
    )
    assert states(played) == [FINISHED] * 3
    assert rounds_of(played) == [["a", "b"], ["a", "b"], ["a", "b", "c"]]
    assert [event["round"] for event in played.kinds("refused", node="c", trial="trial-0000")] == [1]
    assert "job that its node still owes" in played.kinds("refused")[0]["reason"]
    # the handshake, round 1, nothing in round 2, round 3, the score
    assert grid.sent_to(ids["c"]) == ["query", "train", "train", "evaluate"]


def test_a_node_that_was_started_again_under_its_id_is_free_once_its_message_expired(
    grid, configure, play, monkeypatch
):
    """With a key of its own it comes back at once: Flower never misses it, and its message is never answered."""
    monkeypatch.setattr(wiring, "_LEAST_TTL", 0.0)
    ids = grid.people("ab")
    ids["c"] = grid.person("c", first_time(silent))
    played = play(
        grid,
        configure(fidelity={"name": "full", "max_rounds": 5}, federation={"deadline": 0.5}),
        when=[({"event": "round", "round": 2}, lambda: time.sleep(0.7))],
        final=False,
    )
    assert rounds_of(played)[:2] == [["a", "b"]] * 2
    assert rounds_of(played)[-1] == ["a", "b", "c"]
    ttls = [message.metadata.ttl for message in grid.sent if message.metadata.dst_node_id == ids["c"]]
    assert ttls[:3] == [1.0, 1.0, 2.0]  # the question, the lost order, and the next one


def test_a_node_that_never_says_who_it_is_is_asked_again(grid, configure, play, monkeypatch):
    monkeypatch.setattr(wiring, "_LEAST_TTL", 0.0)
    grid.people("ab")
    asked = []

    def deaf_once(message, context):
        asked.append(message)
        return None if len(asked) == 1 else app(message, context)

    shy = grid.person("c", deaf_once)
    played = play(
        grid,
        configure(
            fidelity={"name": "full", "max_rounds": 5}, federation={"deadline": 0.5, "nodes": 2, "patience": 0.1}
        ),
        when=[({"event": "round", "round": 2}, lambda: time.sleep(1.0))],
        final=False,
    )
    assert grid.sent_to(shy)[:3] == ["query", "query", "train"]
    assert rounds_of(played)[-1] == ["a", "b", "c"]


def test_a_search_waits_where_all_nodes_are_late(grid, configure, play):
    """Or every trial would fail in a moment; the round that nobody answered is tried again."""
    ids = grid.people("ab")
    waited = []

    def a_while_later():
        waited.extend([1] * bool(played_absent))
        if len(waited) == 20:
            for node_id in ids.values():
                grid.release(node_id)

    played_absent = []
    played = play(
        grid,
        configure(federation={"deadline": 0.03, "nodes": 2}, search={"concurrency": 1}),
        when=[(SEARCH, hold(grid, *ids.values())), ({"event": "absent"}, lambda: played_absent.append(1))],
        stop=a_while_later,
        final=False,
    )
    assert played.error is None
    assert states(played) == [FINISHED] * 3
    (retried,) = played.kinds("retried")
    assert (retried["trial"], retried["round"], retried["tries"]) == ("trial-0000", 1, 1)


def test_nodes_that_never_answer_an_order_end_the_search_with_the_reason(grid, configure, play, monkeypatch):
    monkeypatch.setattr(wiring, "_LEAST_TTL", 0.0)
    for name in "ab":
        grid.person(name, orders_only(silent))
    played = play(grid, configure(federation={"deadline": 0.02, "nodes": 2, "patience": 0.05}))
    assert isinstance(played.error, SearchError)
    assert "Round 1 failed, none of 2 nodes gave a usable result: no answer within 0.02 s" in str(played.error)
    assert [event["tries"] for event in played.kinds("retried", trial="trial-0000")] == [1, 2]


def test_a_node_that_joins_late_takes_part(grid, configure, play):
    grid.people("abc")
    late = []
    played = play(
        grid,
        configure(fidelity={"name": "full", "max_rounds": 3}),
        when=[(FIRST_ROUND, lambda: late.append(grid.person("d")))],
        final=False,
    )
    assert rounds_of(played) == [["a", "b", "c"], ["a", "b", "c"], ["a", "b", "c", "d"]]
    # the panel is that of the start: a score of other nodes would not compare
    assert played.search.trials[0].metrics["nodes"] == 3
    assert grid.sent_to(late[0]) == ["query", "train"]


def test_a_node_that_joins_as_the_search_ends_takes_part_in_the_final_training(grid, configure, play):
    grid.people("abc")
    played = play(
        grid,
        configure(final={"rounds": 2}),
        when=[({"event": "finished", "trial": "trial-0002"}, lambda: grid.person("d"))],
    )
    assert rounds_of(played, "final-0000") == [["a", "b", "c"], ["a", "b", "c", "d"]]


def test_a_node_with_other_data_that_joins_late_is_not_used(grid, configure, play, flower_log):
    grid.people("abc")
    late = []
    played = play(
        grid,
        configure(fidelity={"name": "full", "max_rounds": 3}),
        when=[(FIRST_ROUND, lambda: late.append(grid.person("d", features=5)))],
        final=False,
    )
    (refused,) = played.kinds("node_refused")
    assert "must have the shape (4,)" in refused["reason"]
    assert grid.sent_to(late[0]) == ["query", "query"]  # asked, and told why it is left out
    assert f"The server leaves this node out: {refused['reason']}" in flower_log.text
    assert not played.kinds("refused")
    assert rounds_of(played) == [["a", "b", "c"]] * 3


def test_a_node_whose_answer_to_the_handshake_is_late_takes_part(grid, configure, play):
    ids = grid.people("abc")
    grid.nodes[ids["c"]].holding = True
    played = play(
        grid,
        configure(fidelity={"name": "full", "max_rounds": 3}, federation={"patience": 0.1}),
        when=[(FIRST_ROUND, lambda: grid.release(ids["c"]))],
        final=False,
    )
    assert rounds_of(played) == [["a", "b"], ["a", "b"], ["a", "b", "c"]]
    assert grid.sent_to(ids["c"]) == ["query", "train"]
    assert not played.kinds("refused")


def test_a_node_that_comes_back_under_a_new_id_is_the_same_node(grid, configure, play):
    ids = grid.people("abc")
    back = []

    def restart():
        grid.leave(ids["b"])
        back.append(grid.person("b"))

    played = play(
        grid, configure(fidelity={"name": "full", "max_rounds": 3}), when=[(FIRST_ROUND, restart)], final=False
    )
    assert rounds_of(played) == [["a", "b", "c"], ["a", "c"], ["a", "b", "c"]]
    assert grid.sent_to(ids["b"]) == ["query", "train"]
    assert grid.sent_to(back[0]) == ["query", "train", "evaluate"]


def test_a_node_that_crashes_over_an_order_is_not_waited_for_and_comes_back(grid, configure, play):
    """Flower says that the node is gone: no deadline has to pass."""
    ids = grid.people("ac")

    def crash(message, context):
        grid.leave(ids["b"])
        grid.person("b")

    ids["b"] = grid.person("b", orders_only(crash))
    played = play(grid, configure(fidelity={"name": "full", "max_rounds": 3}), final=False)
    assert states(played) == [FINISHED] * 3
    assert rounds_of(played) == [["a", "c"], ["a", "c"], ["a", "b", "c"]]
    absent = played.kinds("absent", node="b", trial="trial-0000")
    assert [event["round"] for event in absent] == [1]
    assert absent[0]["reason"].startswith("The node failed: ")


def test_a_node_that_was_killed_and_restarted_is_known_again_once_flower_misses_the_first(grid, configure, play):
    ids = grid.people("ac")
    back = []

    def die(message, context):
        back.append(grid.person("b"))

    ids["b"] = grid.person("b", orders_only(die))
    played = play(
        grid,
        configure(fidelity={"name": "full", "max_rounds": 6}, federation={"deadline": 0.05}),
        when=[({"event": "node_refused"}, lambda: grid.leave(ids["b"]))],
        final=False,
    )
    assert "must have different names, got 'b'" in played.kinds("node_refused")[0]["reason"]
    assert played.counts["node_refused"] == 1
    assert rounds_of(played)[0] == ["a", "c"]
    assert rounds_of(played)[-1] == ["a", "b", "c"]
    assert grid.sent_to(back[0])[:2] == ["query", "query"]


def test_a_node_that_leaves_before_it_says_who_it_is_is_asked_again(grid, configure, play, monkeypatch):
    monkeypatch.setattr(handshake, "_AGAIN", 0.0)
    grid.people("abc")
    shy = []

    def leave(message, context):
        grid.leave(shy[0])
        grid.nodes[shy[0]].answer = app

    played = play(
        grid,
        configure(),
        when=[
            (FIRST_ROUND, lambda: shy.append(grid.person("d", leave))),
            ({"event": "round", "round": 2}, lambda: grid.come_back(shy[0])),
        ],
    )
    assert grid.sent_to(shy[0])[:3] == ["query", "query", "train"]
    assert rounds_of(played, "final-0000") == [["a", "b", "c", "d"]]


def test_of_two_nodes_with_one_name_one_is_used(grid, configure, play):
    grid.people("ab")
    grid.person("a")
    played = play(grid, configure(), final=False)
    assert "must have different names, got 'a'" in played.kinds("node_refused")[0]["reason"]
    assert list(played.strategy.outcome.nodes) == ["a", "b"]
    assert sorted(len(grid.sent_to(node_id)) for node_id in grid.nodes) == [2, 4, 4]


def test_nodes_that_all_restart_are_waited_for(grid, configure, play):
    ids = grid.people("abc")
    gone, moments = [], iter(range(10_000))

    def leave():
        for node_id in ids.values():
            grid.leave(node_id)
        gone.append(1)

    def a_while_later():
        if gone and next(moments) == 5:
            grid.people("abc")

    played = play(grid, configure(), when=[(FIRST_ROUND, leave)], stop=a_while_later, final=False)
    assert played.error is None
    assert states(played) == [FINISHED] * 3


def test_nodes_that_all_leave_end_the_search_in_one_sentence(grid, configure, play):
    ids = grid.people("abc")
    played = play(
        grid,
        configure(federation={"patience": 0.05, "min_nodes": 2}),
        when=[(FIRST_ROUND, lambda: [grid.leave(ids[name]) for name in "bc"])],
    )
    assert isinstance(played.error, FederationError)
    assert str(played.error).startswith("The search needs 2 nodes, but for 0.05 s only 1 were there. Start nodes again")
    assert len(played.history) == 3


def test_too_few_nodes_at_the_start_end_it_in_one_sentence(grid, configure, play):
    grid.people("a")
    played = play(grid, configure(federation={"patience": 0.05, "min_nodes": 2}))
    assert isinstance(played.error, FederationError)
    assert "needs 2 nodes within 0.05 s, but 1 were there and 1 of them fit." in str(played.error)
    assert played.strategy.outcome is None


def test_a_node_that_leaves_before_its_order_is_sent_is_left_out(grid, configure, play):
    ids = grid.people("abc")
    unregister = lambda: grid.state.delete_node(grid.state.nodes[ids["b"]].owner_aid, ids["b"])  # noqa: E731
    played = play(grid, configure(), when=[({"event": "proposed"}, unregister)], final=False)
    assert states(played) == [FINISHED] * 3
    assert {event["reason"] for event in played.kinds("absent", node="b")} == {"Flower did not accept the message"}
    assert rounds_of(played) == [["a", "c"]] * 2
    assert played.strategy.outcome.counts.messages == 3 + 2 * 3


# ---------------------------------------------------------------- replies that make no sense


def broken(message, context):
    raise RuntimeError("segmentation, nearly")


def wordless(message, context):
    return Message(RecordDict(), reply_to=message)


def changed(change):
    def answer(message, context):
        content = app(message, context).content
        change(content)
        return Message(content, reply_to=message)

    return answer


def other_code(content):
    content["header"]["digest"] = "0" * 64


def forget_a_result(content):
    """Drop the first trial, and leave the others as they are."""
    for record in (content["results"], content["metrics"]):
        for name, values in record.items():
            record[name] = values[1:]
    rows = sorted(content["arrays"])
    for row, following in pairwise(rows):
        content["arrays"][row] = content["arrays"][following]
    del content["arrays"][rows[-1]]


def rename_a_job(content):
    content["results"]["job"] = ["trial-0099/train-train-1", *content["results"]["job"][1:]]


def rename_a_job_absurdly(content):
    content["results"]["job"] = ["trial-" + "9" * 5000, *content["results"]["job"][1:]]


def tell_of_more_results_than_there_were_jobs(content):
    for record in (content["results"], content["metrics"]):
        for name, values in record.items():
            record[name] = values * 3
    content["results"]["job"] = [f"job-{number}" for number in range(len(content["results"]["job"]))]


def replace_update(update):
    def change(content):
        content["arrays"]["0/weights"] = pack(update)

    return change


def unreadable_array(content):
    content["arrays"]["0/weights"] = Array("poem", (-1,), "numpy.ndarray", b"roses are red")


def another_clock(content):
    content["metrics"]["seconds"] = [math.nan for _ in content["metrics"]["seconds"]]


@pytest.mark.parametrize(
    ("odd", "event", "reason"),
    [
        (broken, "absent", "The node failed: .*segmentation, nearly"),
        (wordless, "absent", "must have a header"),
        (changed(other_code), "absent", "c must run the same digest as this side"),
        (changed(forget_a_result), "absent", "the reply lacks a result"),
        (changed(rename_a_job), "refused", "must answer a job, got 'trial-0099/train-train-1'"),
        (changed(rename_a_job_absurdly), "refused", "must answer a job"),
        (changed(tell_of_more_results_than_there_were_jobs), "absent", "results at most, one for each job"),
        (changed(replace_update(np.zeros(3, np.float32))), "refused", "shape"),
        (changed(replace_update(np.full(43, np.nan, np.float32))), "refused", "finite"),
        (changed(replace_update(np.zeros((43, 1), np.float32))), "absent", "one packed float32 array"),
        (changed(unreadable_array), "absent", "one packed float32 array"),
        (changed(another_clock), "absent", "examples of a result .* and its seconds"),
    ],
)
def test_a_reply_that_makes_no_sense_costs_its_node_the_round(grid, configure, play, odd, event, reason):
    grid.people("ab")
    grid.person("c", first_time(odd))
    played = play(grid, configure(), final=False)
    assert states(played) == [FINISHED] * 3
    # a layer of width 5 on 4 features, and 3 classes: 5 * 4 + 5 + 3 * 5 + 3 numbers
    assert played.search.trials[0].spec.layers[0].width == 5
    assert rounds_of(played) == [["a", "b"], ["a", "b", "c"]]
    reasons = [entry["reason"] for entry in played.kinds(event, node="c")]
    assert reasons
    assert re.search(reason, reasons[0]), reasons


def test_what_makes_sense_of_a_reply_counts(grid, configure, play):
    grid.people("ab")
    grid.person("c", first_time(changed(forget_a_result)))
    played = play(grid, configure(), final=False)
    assert rounds_of(played, "trial-0001") == [["a", "b", "c"]] * 2


def test_a_reply_that_answers_nothing_of_ours_is_refused(calm):
    message = Message(RecordDict(), 7, "train")
    message.metadata.__dict__["_message_id"] = "somebody else's"
    before = calm.strategy.outcome.counts.bytes_up
    _, metrics = calm.strategy.aggregate_train(9, [Message(RecordDict(), reply_to=message)])
    assert metrics["replies"] == 1
    assert calm.events[-1]["event"] == "refused"
    assert 'must answer a message of ours, got "somebody else\'s"' in calm.events[-1]["reason"]
    assert calm.strategy.outcome.counts.bytes_up == before


def test_where_every_trial_fails_the_search_says_so_with_a_reason(grid, configure, play):
    for name in "abc":
        grid.person(name, orders_only(broken))
    played = play(grid, configure())
    assert isinstance(played.error, SearchError)
    assert re.match(
        r"The search found nothing, since every trial failed "
        r"\(Round 1 failed, none of 3 nodes gave a usable result: .*segmentation, nearly'\)\)\. See journal\.jsonl\.$",
        str(played.error),
    )
    assert states(played) == [FAILED] * 3
    assert not played.kinds("final")


def test_a_trial_that_fails_after_a_score_is_no_winner(grid, configure, play):
    """Its score is that of an early rung, and no weights go with it."""

    def tired(message, context):
        if message.metadata.group_id == "3":
            raise RuntimeError("the battery is empty")
        return app(message, context)

    for name in "abc":
        grid.person(name, tired)
    halving = {"name": "successive_halving", "max_rounds": 2, "min_steps": 0, "eta": 2, "bracket_size": 2}
    played = play(grid, configure(search={"trials": 1}, fidelity=halving))
    (trial,) = played.search.trials
    assert (trial.state, trial.rung) == (FAILED, 1)
    assert isinstance(played.error, SearchError)
    assert "Round 2 failed" in str(played.error)


def test_what_a_budget_leaves_undone_is_asked_for_again(grid, configure, play):
    """With no time for a second job every message does one, and all trials finish all the same."""
    grid.people("abc")
    played = play(grid, configure(federation={"budget": 1e-9}))
    assert played.error is None
    assert states(played) == [FINISHED] * 3
    assert len(played.kinds("unfinished")) > 0
    assert not played.kinds("refused")


def test_a_trial_that_diverges_fails_alone(grid, configure, play):
    """Training that diverges on all nodes ends its trial without a score; the others are ranked."""

    def diverge(message, context):
        reply = app(message, context)
        if message.metadata.message_type == "train":
            table = reply.content["results"]
            jobs = [job.partition("/")[0] for job in table["job"]]
            index = jobs.index("trial-0001") if "trial-0001" in jobs else None
            if index is not None:
                table["status"] = [*table["status"][:index], "failed", *table["status"][index + 1 :]]
                table["reason"] = [*table["reason"][:index], "Training diverged", *table["reason"][index + 1 :]]
        return Message(reply.content, reply_to=message)

    for name in "abc":
        grid.person(name, diverge)
    played = play(grid, configure(), final=False)
    assert states(played) == [FINISHED, FAILED, FINISHED]
    assert played.search.trials[1].score is None
    assert "Training diverged" in played.kinds("failed")[0]["reason"]


# ---------------------------------------------------------------- stopping


def test_a_request_to_stop_keeps_what_was_found(grid, configure, play):
    ids = grid.people("abc")
    asked = []

    def ask():
        asked.append(1)
        hold(grid, *ids.values())()

    played = play(
        grid,
        configure(search={"concurrency": 1}),
        when=[({"event": "finished", "trial": "trial-0000"}, ask)],
        stop=lambda: "Ctrl-C." if asked else None,
    )
    assert isinstance(played.error, StopRequested)
    outcome = played.strategy.outcome
    assert states(played) == [FINISHED, TrialState.RUNNING]
    assert outcome.search.ranking[0].score is not None
    # the handshake; 2 rounds and a score; the first round of the next trial
    assert outcome.counts.messages == 3 * (1 + 3 + 1)
    assert outcome.final is None


def test_a_request_to_stop_is_heard_while_nodes_are_waited_for(grid, configure, play):
    played = play(grid, configure(), stop=lambda: "Ctrl-C.")
    assert isinstance(played.error, StopRequested)
    assert played.strategy.outcome is None


# ---------------------------------------------------------------- Flower's hooks


def test_the_hooks_belong_to_a_search_that_was_started(grid, configure):
    grid.people("abc")
    strategy = build_strategy(configure())
    with pytest.raises(SearchError, match=r"Call strategy\.start"):
        Strategy.start(strategy, grid, ArrayRecord(), num_rounds=1)


def test_scoring_needs_no_evaluate_hooks(configure, grid):
    strategy = build_strategy(configure())
    assert list(strategy.configure_evaluate(1, ArrayRecord(), ConfigRecord(), grid)) == []
    assert strategy.aggregate_evaluate(1, []) is None


@pytest.fixture
def by_hand(grid, configure):
    """A strategy that was stopped as its first orders were out, what it journals, and the replies to them."""
    grid.people("abc")
    events, quiet = [], []
    journal = Journal(None, events.append, lambda event: quiet.append(1) if event["event"] == "search" else None)
    strategy = build_strategy(configure(), journal, lambda: "by hand" if quiet else None)
    work, grid.work = grid.work, lambda: None if quiet else work()
    with pytest.raises(StopRequested):
        strategy.start(grid=grid)
    grid.work = work
    return strategy, events, grid.pull_messages([m.metadata.message_id for m in grid.sent[3:]])


def test_what_flower_did_not_wait_for_is_left_out(by_hand):
    """Flower's own loop gives up after its timeout, and hands over what is there."""
    strategy, events, replies = by_hand
    strategy.aggregate_train(1, replies[:2])
    rounds = [event for event in events if event["event"] == "round"]
    assert [(event["trial"], event["num_nodes"]) for event in rounds] == [(f"trial-000{i}", 2) for i in range(3)]


def test_the_hooks_carry_a_search_by_hand(grid, by_hand):
    """As Flower's own loop would drive them: configure, send, receive, aggregate."""
    strategy, _, replies = by_hand
    number, steps = 1, []
    while replies:
        arrays, metrics = strategy.aggregate_train(number, replies)
        assert arrays is None
        steps.append((metrics["replies"], metrics["trials"], len(metrics["best-score"])))
        number += 1
        messages = strategy.configure_train(number, ArrayRecord(), ConfigRecord(), grid)
        replies = grid.send_and_receive(messages)
    # two rounds without a score, then all three are scored
    assert steps == [(3, 3, 0), (3, 3, 0), (3, 3, 1)]
    search = strategy.outcome.search
    assert search.done
    assert [trial.state for trial in search.trials] == [FINISHED] * 3
    assert math.isclose(metrics["best-score"][0], search.ranking[0].score)


# ---------------------------------------------------------------- what nodes can hold


# of the three specs, on 4 features and 3 classes: 4 w + w + 3 w + 3 parameters for width w
SIZES = {width: 8 * width + 3 for width in (3, 5, 8)}


def limited(grid, name, **limits):
    """Start a node with limits; ``max_params=5`` stands for ``max-params=5``."""
    node_id = grid.person(name)
    grid.nodes[node_id].context.node_config.update({key.replace("_", "-"): value for key, value in limits.items()})
    return node_id


def test_proposals_fit_all_nodes_that_were_there_at_the_start(grid, configure, play):
    grid.people("ab")
    limited(grid, "c", max_params=SIZES[5])
    played = play(grid, configure())
    assert played.error is None
    searched = [event for event in played.kinds("proposed") if event["trial"].startswith("trial")]
    assert {event["parameters"] for event in searched} <= {SIZES[3], SIZES[5]}
    assert not played.kinds("absent")
    assert not played.kinds("refused")
    (search,) = played.kinds("search")
    assert search["limits"]["max_parameters"] == SIZES[5]
    assert played.strategy.outcome.limits.max_parameters == SIZES[5]


def test_a_node_whose_limits_allow_nothing_of_the_space_is_left_out_in_one_sentence(grid, configure, play, flower_log):
    """The others search, and what it can hold is no measure for what is proposed."""
    grid.people("ab")
    tiny = limited(grid, "c", max_params=10)
    played = play(grid, configure())
    assert played.error is None
    (refused,) = played.kinds("node_refused")
    assert (refused["node"], refused["reason"]) == (
        "c",
        "A node's limits must allow something of the space, but the node takes 10 parameters at most (max-params), "
        f"and the least that was found needs {SIZES[3]}. "
        "Raise the limit in its node config, or offer smaller architectures.",
    )
    assert f"The server leaves this node out: {refused['reason']}" in flower_log.text
    assert grid.sent_to(tiny) == ["query", "query"]
    assert states(played) == [FINISHED] * 3
    assert played.kinds("search")[0]["nodes"] == ["a", "b"]
    searched = [event["parameters"] for event in played.kinds("proposed") if event["trial"].startswith("trial")]
    assert sorted(searched) == sorted(SIZES.values())
    assert not played.kinds("absent")


@pytest.mark.parametrize(("names", "left"), [("ab", 2), ("", 0)])
def test_where_too_few_are_left_the_error_names_a_limit(grid, configure, play, names, left):
    grid.people(names)
    limited(grid, "c", max_params=10)
    played = play(grid, configure(federation={"nodes": len(names) + 1, "min_nodes": left + 1}))
    assert isinstance(played.error, FederationError)
    assert f"{left + 1} were there and {left} of them fit (A node's limits must allow something" in str(played.error)
    assert "the node takes 10 parameters at most (max-params), and the least that was found needs" in str(played.error)


def test_where_nodes_can_hold_something_each_and_nothing_together_the_error_names_one(grid, configure, play):
    """Of two specs one has fewer parameters, the other, with a norm, fewer MACs: 7 w + 2 w + w + 3, and 7 w."""
    grid.people("a")
    limited(grid, "b", max_macs=7 * 8)
    limited(grid, "c", max_params=8 * 9 + 3)
    layers = [{"op": "linear", "width": 8, "norm": "batch"}, {"op": "linear", "width": 9, "norm": "none"}]
    specs = [{"version": 1, "kind": "layered", "layers": [layer]} for layer in layers]
    played = play(grid, configure(space={"name": "listed", "specs": specs}))
    assert isinstance(played.error, SpaceError)
    assert "must hold something legal" in str(played.error)
    assert re.search("node '[bc]': the node takes", str(played.error))


def test_a_late_node_whose_limits_allow_nothing_is_left_out_once_and_for_all(grid, configure, play):
    grid.people("abc")
    late = []
    played = play(
        grid,
        configure(fidelity={"name": "full", "max_rounds": 3}),
        when=[(FIRST_ROUND, lambda: late.append(limited(grid, "d", max_params=10)))],
        final=False,
    )
    assert states(played) == [FINISHED] * 3
    assert [event["node"] for event in played.kinds("node_refused")] == ["d"]
    assert not played.kinds("absent")
    assert grid.sent_to(late[0]) == ["query", "query"]


def test_a_given_spec_that_does_not_fit_is_an_error_that_names_the_node(grid, configure, play):
    grid.people("ab")
    limited(grid, "c", max_params=SIZES[5])
    config = configure()
    wide = next(spec for spec in config.space["specs"] if spec["layers"][0]["width"] == 8)
    played = play(grid, configure(search={"start": [wide]}))
    assert isinstance(played.error, SpecError)
    assert "A proposal must keep the limits of the nodes and of the objective: node 'c'" in str(played.error)


def test_a_late_node_with_tighter_limits_is_never_sent_what_it_cannot_hold(grid, configure, play):
    grid.people("abc")
    late = []
    played = play(
        grid,
        configure(fidelity={"name": "full", "max_rounds": 3}),
        when=[(FIRST_ROUND, lambda: late.append(limited(grid, "d", max_params=SIZES[3])))],
        final=False,
    )
    assert states(played) == [FINISHED] * 3
    widths = {
        ArchitectureSpec.from_json(text).layers[0].width
        for message in grid.sent
        if message.metadata.dst_node_id == late[0] and "order" in message.content
        for text in message.content["order"]["specs"]
    }
    assert widths == {3}
    absent = played.kinds("absent", node="d")
    assert {event["reason"].split(" at most")[0] for event in absent} == {f"the node takes {SIZES[3]} parameters"}
    # the third round of the two specs that are too large; it is not in the panel
    assert len(absent) == 2
    assert not played.kinds("refused")


def test_a_node_that_starts_again_with_limits_refuses_once_and_is_not_asked_again(grid, configure, play):
    ids = grid.people("abc")
    config = grid.nodes[ids["c"]].context.node_config
    played = play(
        grid,
        configure(fidelity={"name": "full", "max_rounds": 4}),
        when=[(FIRST_ROUND, lambda: config.update({"max-params": SIZES[3]}))],
        final=False,
    )
    assert states(played) == [FINISHED] * 3
    refused = played.kinds("refused", node="c")
    assert len(refused) == 2  # the two that are too large, in the second round
    assert all("must stay within the node's limits" in event["reason"] for event in refused)
    (learnt,) = played.kinds("limits")
    assert (learnt["node"], learnt["limits"]["max_parameters"]) == ("c", SIZES[3])
    assert {event["round"] for event in played.kinds("absent", node="c")} == {3, 4}


def test_the_baseline_may_exceed_a_nodes_limit_which_then_takes_no_part_in_it(grid, configure, play):
    grid.people("ab")
    limited(grid, "c", max_params=SIZES[3])
    config = configure()
    wide = next(spec for spec in config.space["specs"] if spec["layers"][0]["width"] == 8)
    played = play(grid, configure(final={"baseline": wide}))
    assert played.error is None
    winner, baseline, *_ = played.strategy.outcome.final.trials
    assert (winner.metrics["nodes"], baseline.metrics["nodes"]) == (3, 2)
    assert rounds_of(played, "final-0000") == [["a", "b", "c"]]
    assert rounds_of(played, "final-0001") == [["a", "b"]]


def test_a_trial_that_too_few_nodes_can_hold_fails_in_a_sentence(grid, configure, play):
    grid.people("a")
    limited(grid, "c", max_params=SIZES[3])
    config = configure()
    wide = next(spec for spec in config.space["specs"] if spec["layers"][0]["width"] == 8)
    played = play(grid, configure(final={"baseline": wide}, scoring={"min_nodes": 2}, federation={"nodes": 2}))
    assert played.error is None
    winner, baseline, *_ = played.strategy.outcome.final.trials
    assert (winner.state, baseline.state) == (FINISHED, FAILED)
    assert "A trial needs 2 nodes that can hold its spec, but 1 can (of node 'c': the node takes" in baseline.failure


# ---------------------------------------------------------------- half precision


def test_half_precision_halves_every_byte_and_finds_much_the_same(make_grid, configure, play):
    played = {}
    for precision in ("float32", "float16"):
        grid = make_grid()
        grid.people("abc")
        played[precision] = play(grid, configure(federation={"precision": precision}))
    full, half = played["float32"], played["float16"]
    for name in ("bytes_down", "bytes_up"):
        assert getattr(full.strategy.outcome.counts, name) == 2 * getattr(half.strategy.outcome.counts, name) > 0
        for one, other in zip(full.search.trials, half.search.trials, strict=True):
            assert getattr(one.ledger, name) == 2 * getattr(other.ledger, name) > 0
    assert full.weights.dtype == half.weights.dtype == np.float32
    assert full.weights.tobytes() != half.weights.tobytes()
    difference = [abs(a.score - b.score) for a, b in zip(full.search.trials, half.search.trials, strict=True)]
    assert max(difference) < 0.2


def test_weights_beyond_half_precision_fail_the_trial_with_the_way_out(grid, configure, play):
    grid.people("abc")
    played = play(
        grid,
        configure(
            training={"optimizer": "sgd", "learning_rate": 1e7, "batch_size": 1000},
            federation={"precision": "float16"},
        ),
    )
    assert isinstance(played.error, SearchError)
    assert states(played) == [FAILED] * 3
    assert "must be finite numbers in float16" in played.search.trials[0].failure
    assert "federation.precision=float32" in played.search.trials[0].failure


# ---------------------------------------------------------------- classes with names


@pytest.fixture
def named(grid, tmp_path):
    """A function that starts a node with a table of four features and these classes."""

    def start(name, *classes):
        rng, rows = generator(0, "named", name), ["p,q,r,s,label"]
        for index in range(40):
            word = classes[index % len(classes)]
            center = WORDS.index(word)
            cells = [f"{rng.normal(float(axis == center), 0.3):.4f}" for axis in range(4)]
            rows.append(",".join([*cells, word]))
        path = tmp_path / f"{name}.csv"
        path.write_text("\n".join(rows) + "\n")
        return grid.join(name=name, data=str(path))

    return start


WORDS = ["walks", "sits", "lies", "runs"]


def test_nodes_agree_on_the_names_of_all_their_classes(grid, named, configure, play):
    named("a", "walks", "sits")
    named("b", "lies", "walks")
    named("c", "sits", "lies")
    played = play(grid, configure(training={"learning_rate": 0.1}, final={"rounds": 15}))
    assert played.error is None
    outcome = played.strategy.outcome
    assert outcome.task.head == Classification(3, ("lies", "sits", "walks"))
    assert played.kinds("node", node="a")[0]["classes"] == ["sits", "walks"]
    assert played.kinds("search")[0]["classes"] == ["lies", "sits", "walks"]
    # each node would number its own two classes 0 and 1: only one numbering can be learnt together
    assert outcome.final.trials[0].metrics["accuracy"] > 0.9


def test_a_node_with_one_class_takes_part(grid, named, configure, play):
    for name, word in zip("abc", WORDS, strict=False):
        named(name, word)
    played = play(grid, configure(), final=False)
    assert states(played) == [FINISHED] * 3
    assert played.strategy.outcome.task.head.classes == ("lies", "sits", "walks")


def test_late_nodes_with_other_classes_or_numbers_are_left_out(grid, named, configure, play):
    for name in "abc":
        named(name, "walks", "sits")
    played = play(
        grid,
        configure(fidelity={"name": "full", "max_rounds": 3}),
        when=[
            (FIRST_ROUND, lambda: [named("d", "sits"), named("e", "sits", "runs"), grid.person("f")]),
        ],
        final=False,
    )
    assert rounds_of(played)[-1] == ["a", "b", "c", "d"]
    reasons = {event["node"]: event["reason"] for event in played.kinds("node_refused")}
    assert "no other classes than were agreed on, sits, walks, got ['runs']" in reasons["e"]
    assert "classes of this search are names, and those of this node's data numbers" in reasons["f"]
