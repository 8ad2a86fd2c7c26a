"""Trials that train several times, each time without another fold of the nodes, which scores it then."""

from __future__ import annotations

import json
from collections import Counter, defaultdict

import numpy as np
import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.jobs import Result
from common.seeding import generator
from common.tasks import Classification, Task
from server_app.aggregation.fedavg import FedAvg
from server_app.blobs import Blobs
from server_app.controllers.random import Random
from server_app.fidelity.full import Full
from server_app.fidelity.successive_halving import SuccessiveHalving
from server_app.journal import Journal
from server_app.objectives.accuracy import Accuracy
from server_app.placement.shared import Shared
from server_app.scoring import Scoring
from server_app.spaces.listed import ListedSpace
from server_app.stages.rounds import TRIES
from server_app.stages.search import Search
from server_app.trials import TrialState
from server_app.weights.scratch import Scratch
from tests.support.spaces import given, with_one_recipe

TASK = Task((4,), Classification(3))
SPECS = [LayeredSpec((Linear(width=width, norm="none"),)) for width in range(1, 5)]
NODES = ["a", "b", "c", "d", "e", "f", "g"]
HALVING = SuccessiveHalving.Options(max_rounds=2, min_rounds=1, eta=2, bracket_size=2, doubt=0)


def make(specs=SPECS, folds=3, *, fidelity=None, excess=lambda node, trial: "", blobs=None, **scoring):  # noqa: ARG005
    events = []
    space = ListedSpace(TASK, ListedSpace.Options([spec.to_dict() for spec in specs]))
    search = Search(
        seed=1,
        concurrency=2,
        deadline=10.0,
        controller=Random(with_one_recipe(space), 1, len(specs), start=given(specs)),
        fidelity=fidelity or Full(Full.Options(max_rounds=2)),
        placement=Shared(1, 2),
        weights=Scratch(TASK, 1, FedAvg, blobs or Blobs(None)),
        objectives=Accuracy(TASK.head),
        scoring=Scoring(folds=folds, **scoring),
        journal=Journal(None, events.append),
        excess=excess,
    )
    search.begin(NODES)
    return search, events


def answer(node, job):
    """Train by what the node is called; score with what the model has come to."""
    if job.work.kind == "train":
        arrays = {"weights": job.arrays["weights"] + np.float32(ord(node) / 100)}
        return Result(job.id, "done", "", ord(node), {"loss": 1.0}, 0.25, arrays)
    noise = generator(0, node, job.trial, job.work.round).random()
    accuracy = (job.spec.layers[0].width + noise) / 10
    return Result(job.id, "done", "", 5, {"accuracy": accuracy, "loss": float(abs(job.arrays["weights"]).mean())}, 0.25)


def play(search, nodes=NODES, respond=answer, exchanges=None):
    """Exchange until the search is done, or so often; return what each node was sent, exchange by exchange."""
    sent = []
    while len(sent) != exchanges:
        search.refill(nodes)
        if search.done:
            break
        orders = search.dispatch(nodes, float(len(sent)))
        sent.append(orders)
        for node, jobs in sorted(orders.items()):
            for job in jobs:
                result = respond(node, job)
                if result is None:
                    search.leave_out(node, [job], "silent", undecided=True)
                else:
                    search.take(node, job, result)
        search.settle()
        assert len(sent) < 200, "the search goes round in circles"
    return sent


def whole(job):
    return job.trial.partition(".")[0]


def kinds(events, kind):
    return [event for event in events if event["event"] == kind]


def refuse(*trials, node=None):
    """Answer, but let the nodes (or one) fail to train these members."""

    def respond(who, job):
        if job.trial in trials and job.work.kind == "train" and node in (None, who):
            return Result(job.id, "failed", "It diverged")
        return answer(who, job)

    return respond


def silent_on(*trials):
    return lambda node, job: None if job.trial in trials else answer(node, job)


# ---------------------------------------------------------------- who trains and who scores


def test_each_node_scores_each_trial_once_and_never_what_it_trained():
    search, _ = make()
    sent = play(search)
    trained, scored = defaultdict(set), defaultdict(list)
    for orders in sent:
        for node, jobs in orders.items():
            for job in jobs:
                if job.work.kind == "train":
                    trained[job.trial].add(node)
                else:
                    assert job.work.split == "all"
                    scored[job.trial].append(node)
    assert len(trained) == len(scored) == len(SPECS) * 3
    for name, nodes in trained.items():
        assert nodes.isdisjoint(scored[name])
        assert nodes | set(scored[name]) == set(NODES)
    for number in range(len(SPECS)):
        assert sorted(node for fold in range(3) for node in scored[f"trial-{number:04d}.{fold}"]) == NODES
        assert sorted(search.trials[number].scores[-1].by_node) == NODES


def test_a_round_of_all_members_is_one_message_a_node_and_so_is_the_score():
    search, _ = make()
    sent = play(search)
    # two by two, four trials take two rounds and a score
    assert len(sent) == 2 * (2 + 1)
    for exchange, orders in enumerate(sent):
        kind, each = ("train", 2) if exchange % 3 < 2 else ("score", 1)
        for jobs in orders.values():
            assert Counter((job.work.kind, whole(job)) for job in jobs) == dict.fromkeys(
                [(kind, f"trial-{number:04d}") for number in (exchange // 3 * 2, exchange // 3 * 2 + 1)], each
            )


def test_members_begin_with_the_same_weights_and_each_is_the_mean_of_its_own_nodes():
    search, _ = make(SPECS[:1])
    first, second, score = play(search)
    start = Scratch(TASK, 1, FedAvg, Blobs(None)).initial(search.trials[0])["weights"]
    lent = [{job.trial: job.arrays["weights"] for jobs in o.values() for job in jobs} for o in (first, second, score)]
    for fold in range(3):
        name = f"trial-0000.{fold}"
        sizes = [ord(node) for node in NODES if node not in search.folds[fold]]
        step = sum(size * size / 100 for size in sizes) / sum(sizes)
        np.testing.assert_array_equal(lent[0][name], start)
        np.testing.assert_allclose(lent[1][name], start + step, rtol=1e-5)
        np.testing.assert_allclose(lent[2][name], start + 2 * step, rtol=1e-5)
    np.testing.assert_array_equal(search.weights.weights(0), lent[2]["trial-0000.0"])


def test_the_table_is_of_all_nodes_and_all_members_cost():
    search, events = make(SPECS[:1])
    sent = play(search)
    (trial,) = search.trials
    jobs = [(node, job) for orders in sent for node, jobs in orders.items() for job in jobs]
    given = {node: answer(node, job).metrics for node, job in jobs if job.work.kind == "score"}
    assert trial.metrics["accuracy"] == pytest.approx(np.mean([metrics["accuracy"] for metrics in given.values()]))
    assert (trial.metrics["nodes"], trial.rounds, trial.rung) == (7, 2, 1)
    # in each of two rounds each node trains two of three members, and it scores one
    assert len(jobs) == 7 * (2 * 2 + 1)
    assert trial.ledger.node_seconds == 0.25 * len(jobs)
    size = jobs[0][1].arrays["weights"].nbytes
    assert (trial.ledger.bytes_down, trial.ledger.bytes_up) == (size * len(jobs), size * 7 * 4)
    assert [event["trial"] for event in kinds(events, "round")] == [f"trial-0000.{n}" for n in (0, 1, 2)] * 2
    assert [event["trial"] for kind in ("proposed", "scored", "finished") for event in kinds(events, kind)] == [
        "trial-0000"
    ] * 3


def test_a_promoted_trial_trains_on_in_all_its_members():
    search, events = make(SPECS[:2], fidelity=SuccessiveHalving(HALVING))
    play(search)
    assert [(trial.state, trial.rounds, trial.rung) for trial in search.trials] == [
        (TrialState.STOPPED, 1, 1),
        (TrialState.FINISHED, 2, 2),
    ]
    rounds = Counter((event["trial"], event["round"]) for event in kinds(events, "round"))
    wanted = [(0, 1), (1, 1), (1, 2)]
    assert rounds == {(f"trial-{number:04d}.{fold}", turn): 1 for number, turn in wanted for fold in range(3)}


def test_without_folds_there_are_no_members():
    search, events = make(SPECS[:1], folds=1)
    sent = play(search)
    assert {job.trial for orders in sent for jobs in orders.values() for job in jobs} == {"trial-0000"}
    assert {job.work.split for jobs in sent[-1].values() for job in jobs} == {"validation"}
    assert search.folds == ()
    assert {event["trial"] for event in events} == {"trial-0000"}
    assert search.state_dict()["members"] == {}


# ---------------------------------------------------------------- members that fail, nodes that come and go


def test_the_score_of_the_other_members_counts_where_it_is_of_more_than_half_of_the_nodes():
    search, events = make(SPECS[:2])
    sent = play(search, respond=refuse("trial-0000.1"))
    trial, other = search.trials
    assert (trial.state, trial.rounds) == (TrialState.FINISHED, 2)
    assert set(trial.scores[-1].by_node) == set(NODES) - set(search.folds[1])
    assert sorted(other.scores[-1].by_node) == NODES
    (event,) = kinds(events, "member_failed")
    assert event["trial"] == "trial-0000.1"
    assert "It diverged" in event["reason"]
    asked = Counter(job.trial for orders in sent for jobs in orders.values() for job in jobs)
    # nothing more is asked of it, not even a score
    assert asked["trial-0000.1"] == len(NODES) - len(search.folds[1])


def test_with_too_few_other_nodes_the_trial_fails_and_its_members_end_with_it():
    search, events = make(SPECS[:2], min_nodes=6)
    sent = play(search, respond=refuse("trial-0000.1"))
    trial, other = search.trials
    assert (trial.state, other.state) == (TrialState.FAILED, TrialState.FINISHED)
    assert trial.failure.startswith("trial-0000.1: Round 1 failed")
    assert "It diverged" in trial.failure
    assert not kinds(events, "member_failed")
    # the others' round, which was under way with it, is their last
    ended = [(event["trial"], event["round"]) for event in kinds(events, "round") if event["trial"] < "trial-0001"]
    assert ended == [("trial-0000.0", 1), ("trial-0000.2", 1)]
    assert not kinds(events, "refused")[len(NODES) - len(search.folds[1]) :], "but for the replies of who diverged"
    assert not [job for orders in sent[1:] for jobs in orders.values() for job in jobs if whole(job) == "trial-0000"]


def test_a_second_member_that_fails_takes_the_trial_along():
    """Seven nodes in folds of 3, 2 and 2: without one fold at least 4 are left, without two at most 3."""
    search, events = make(SPECS[:1])
    play(search, respond=refuse("trial-0000.1", "trial-0000.2"))
    assert search.trials[0].failure.startswith("trial-0000.2: Round 1 failed")
    assert [event["trial"] for event in kinds(events, "member_failed")] == ["trial-0000.1"]


def test_a_silent_member_is_asked_again_before_it_is_left_behind():
    search, events = make(SPECS[:1])
    sent = play(search, respond=silent_on("trial-0000.2"))
    trains = [o for o in sent if any(job.trial == "trial-0000.2" for jobs in o.values() for job in jobs)]
    assert len(trains) == TRIES
    assert search.trials[0].state is TrialState.FINISHED
    assert set(search.trials[0].scores[-1].by_node) == set(NODES) - set(search.folds[2])
    assert search.trials[0].rounds == 2
    assert len(kinds(events, "member_failed")) == 1


def test_a_fold_that_is_silent_costs_its_part_of_the_score_only():
    search, _ = make(SPECS[:1])
    fold = search.folds[1]
    play(search, respond=lambda node, job: None if node in fold else answer(node, job))
    assert set(search.trials[0].scores[-1].by_node) == set(NODES) - set(fold)


def test_a_trial_does_not_wait_for_nodes_whose_member_failed():
    """Six of seven are there and 4 would do, but three of them would score the member that failed."""
    search, _ = make(SPECS[:1], min_nodes=4)
    play(search, respond=refuse("trial-0000.0"), exchanges=1)
    gone = next(node for node in NODES if node not in search.folds[0])
    play(search, nodes=[node for node in NODES if node != gone])
    assert search.trials[0].state is TrialState.FAILED
    assert "trial-0000.0 failed: Round 1 failed" in search.trials[0].failure


def test_a_node_that_joins_trains_all_members_and_scores_none():
    search, _ = make(SPECS[:1])
    before = search.folds
    sent = [*play(search, exchanges=1), *play(search, nodes=[*NODES, "h"])]
    assert search.folds == before
    assert [Counter((job.work.kind, job.trial) for job in orders.get("h", [])) for orders in sent] == [
        {},
        {("train", f"trial-0000.{fold}"): 1 for fold in range(3)},
        {},
    ]


def test_what_a_node_cannot_hold_it_is_not_sent_and_the_journal_names_the_member():
    search, events = make(SPECS[:1], excess=lambda node, trial: "too wide" if node == "a" else "")  # noqa: ARG005
    sent = play(search)
    assert not any("a" in orders for orders in sent)
    mine = search._assigner.fold_of["a"]
    others = [f"trial-0000.{fold}" for fold in range(3) if fold != mine]
    absent = [(event["trial"], event["round"]) for event in kinds(events, "absent")]
    assert sorted(absent) == sorted([(name, turn) for name in others for turn in (1, 2)] + [(f"trial-0000.{mine}", 2)])


# ---------------------------------------------------------------- interruptions


@pytest.mark.parametrize("until", range(1, 10))
@pytest.mark.parametrize("trouble", [(), ("trial-0001.1",)])
def test_gone_on_with_it_ends_as_if_never_interrupted(until, trouble):
    """Also where a member was silent, and so is behind the others, or failed."""
    respond, fidelity = silent_on(*trouble), lambda: SuccessiveHalving(HALVING)
    expected, events = make(fidelity=fidelity())
    play(expected, respond=respond)
    first, before = make(fidelity=fidelity(), blobs=(blobs := Blobs(None)))
    play(first, respond=respond, exchanges=until)
    second, after = make(fidelity=fidelity(), blobs=blobs)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    second.begin([*NODES, "h", "i"])
    assert second.folds == expected.folds
    play(second, respond=respond)
    assert [trial.to_json() for trial in second.ranking] == [trial.to_json() for trial in expected.ranking]
    plain = [[{**event, "time": 0, "n": 0} for event in told] for told in (before + after, events)]
    assert plain[0] == plain[1]
    winner = expected.ranking[0].number
    np.testing.assert_array_equal(second.weights.weights(winner), expected.weights.weights(winner))
