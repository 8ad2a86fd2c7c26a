"""The life of trials, driven without Flower: a small federation that answers by rule."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.errors import ConfigError, SearchError
from common.jobs import Job, Result, Work
from common.tasks import Classification, Task
from server_app.aggregation.fedavg import FedAvg
from server_app.blobs import Blobs
from server_app.controllers.random import Random
from server_app.fidelity.full import Full
from server_app.fidelity.hyperband import Hyperband
from server_app.fidelity.successive_halving import SuccessiveHalving
from server_app.journal import Journal
from server_app.objectives.accuracy import Accuracy
from server_app.objectives.auroc import Auroc
from server_app.placement.shared import Shared
from server_app.placement.split import Split
from server_app.scoring import Scoring
from server_app.spaces.listed import ListedSpace
from server_app.stages.rounds import TRIES
from server_app.stages.search import Search
from server_app.trials import TrialState
from server_app.weights.scratch import Scratch
from tests.support.spaces import given, with_one_recipe

TASK = Task((4,), Classification(3))
SPECS = [LayeredSpec((Linear(width=width, norm="none"),)) for width in range(1, 13)]
NODES = ["a", "b", "c"]


def scratch():
    return Scratch(TASK, 1, FedAvg, Blobs(None))


def make(specs=SPECS, *, fidelity=None, placement=None, nodes_per_round=None, concurrency=4, keep=1, **scoring):
    events = []
    space = ListedSpace(TASK, ListedSpace.Options([spec.to_dict() for spec in specs]))
    search = Search(
        seed=1,
        concurrency=concurrency,
        deadline=10.0,
        controller=Random(with_one_recipe(space), 1, len(specs), start=given(specs)),
        fidelity=fidelity or Full(Full.Options(max_rounds=2)),
        placement=placement or Shared(1, concurrency, Shared.Options(nodes_per_round)),
        weights=scratch(),
        objectives=Accuracy(TASK.head),
        scoring=Scoring(**scoring),
        journal=Journal(None, events.append),
        keep=keep,
    )
    search.begin(NODES)
    return search, events


def answer(node: str, job: Job, shift: float = 1.0) -> Result:
    """Train by adding `shift` to each weight; score by the width, so that wider is better."""
    if job.work.kind == "train":
        arrays = {"weights": job.arrays["weights"] + np.float32(shift)}
        return Result(job.id, "done", "", 10, {"loss": 1.0}, 0.1, arrays)
    accuracy = job.spec.layers[0].width / 100
    metrics = {"accuracy": accuracy, "loss": 1.0}
    return Result(job.id, "done", "", 5, metrics, 0.1)


def play(search: Search, nodes=NODES, respond=answer, order=sorted) -> int:
    """Exchange until the search is done; return the number of exchanges."""
    exchanges = 0
    while True:
        search.refill(nodes)
        if search.done:
            return exchanges
        orders = search.dispatch(nodes, float(exchanges))
        exchanges += 1
        for node in order(orders):
            for job in orders[node]:
                result = respond(node, job)
                if result is None:
                    search.leave_out(node, [job], "silent", undecided=True)
                else:
                    search.take(node, job, result)
        search.settle()
        assert exchanges < 200, "the search goes round in circles"


def take(search, node, job):
    search.take(node, job, answer(node, job))


def kinds(events, kind):
    return [event for event in events if event["event"] == kind]


def test_a_trial_of_k_rounds_takes_k_exchanges_and_one_for_its_score():
    search, _ = make(SPECS[:1])
    assert play(search) == 2 + 1
    (trial,) = search.trials
    assert (trial.state, trial.rounds, trial.rung) == (TrialState.FINISHED, 2, 1)
    assert trial.score == pytest.approx(0.01)


def test_trials_rank_by_how_far_they_trained_though_they_began_there():
    """Of 5 trials 3 begin with 1 round, and the best trains 3; 2 begin with 3: their first score is of that rung."""
    search, events = make(SPECS[:5], fidelity=Hyperband(Hyperband.Options(max_rounds=3, min_steps=0, doubt=0.0)))
    play(search)
    assert [(trial.rounds, trial.rung, len(trial.scores)) for trial in search.trials] == [
        *[(1, 1, 1)] * 2,
        (3, 2, 2),
        *[(3, 2, 1)] * 2,
    ]
    assert [trial.number for trial in search.ranking] == [4, 3, 2, 1, 0]
    assert {(event["trial"], event["rung"]) for event in kinds(events, "scored")} == {
        *((f"trial-000{number}", 1) for number in range(3)),
        *((f"trial-000{number}", 2) for number in (2, 3, 4)),
    }


def test_a_node_is_sent_only_what_it_can_hold_and_the_journal_says_why():
    search, events = make(SPECS[:4], min_nodes=1)
    limits = {"b": 2, "c": 3}
    search.excess = search._assigner._excess = lambda node, trial: (
        "too wide" if trial.spec.layers[0].width > limits.get(node, 9) else ""
    )
    asked = []

    def respond(node, job):
        asked.append((node, job.spec.layers[0].width))
        return answer(node, job)

    play(search, respond=respond)
    assert {node: max(width for other, width in asked if other == node) for node in NODES} == {"a": 4, "b": 2, "c": 3}
    assert [trial.state for trial in search.trials] == [TrialState.FINISHED] * 4
    absent = [(event["node"], event["trial"]) for event in kinds(events, "absent")]
    # of width 3 (trial 2) and 4 (trial 3): in two rounds and a score
    assert sorted(absent) == sorted([("b", "trial-0002"), ("b", "trial-0003"), ("c", "trial-0003")] * 3)
    assert {event["reason"] for event in kinds(events, "absent")} == {"too wide"}


def test_a_trial_that_too_few_can_hold_fails_with_the_reason_and_the_others_go_on():
    search, _ = make(SPECS[:4], min_nodes=2)
    search.excess = search._assigner._excess = lambda node, trial: (
        "too wide" if node != "a" and trial.spec.layers[0].width == 3 else ""
    )
    play(search)
    failed = [trial for trial in search.trials if trial.state is TrialState.FAILED]
    assert [trial.number for trial in failed] == [2]
    assert "needs 2 nodes that can hold its spec, but 1 can (of node 'b': too wide)" in failed[0].failure
    assert sum(trial.state is TrialState.FINISHED for trial in search.trials) == 3


def test_a_job_that_waits_is_not_sent_once_its_node_tells_of_a_limit():
    search, events = make(SPECS[:1])
    search.refill(NODES)
    assert list(search.dispatch(["a", "b"], 0.0)) == ["a", "b"]
    search.excess = search._assigner._excess = lambda node, _: "too wide" if node == "c" else ""
    search.refill(NODES)
    assert search.dispatch(["c"], 0.0) == {}
    (event,) = kinds(events, "absent")
    assert (event["node"], event["reason"]) == ("c", "too wide")


def test_ledgers_count_the_bytes_of_the_precision():
    ledgers = []
    for precision in ("float32", "float16"):
        search, _ = make(SPECS[:1])
        search.precision = precision
        play(search)
        ledgers.append((search.trials[0].ledger.bytes_down, search.trials[0].ledger.bytes_up))
    assert ledgers[0] == (2 * ledgers[1][0], 2 * ledgers[1][1])
    assert ledgers[1][1] > 0


def test_scoring_shares_exchanges_with_the_training_of_others():
    search, _ = make(SPECS[:4], concurrency=4)
    assert play(search) == 3
    search, _ = make(SPECS[:8], concurrency=4)
    assert play(search) == 6


def test_the_best_is_ranked_first_and_its_weights_are_those_it_trained():
    search, events = make(SPECS)
    play(search)
    best = search.ranking[0]
    assert best.spec == SPECS[-1]
    # two rounds, each adding exactly 1 to every weight
    expected = scratch().initial(best)["weights"] + np.float32(2)
    np.testing.assert_allclose(search.weights.weights(best.number), expected, atol=1e-6)
    assert [trial.number for trial in search.trials if search.weights.weights(trial.number) is not None] == [
        best.number
    ]
    assert kinds(events, "best")[-1]["trial"] == "trial-0011"


def test_a_best_that_scores_lower_at_a_higher_rung_names_the_one_before_it():
    """Wider scores better at rung 1; training on makes each worse, and two of four go on."""
    fidelity = SuccessiveHalving(SuccessiveHalving.Options(max_rounds=2, min_rounds=1, eta=2, bracket_size=4))

    def respond(node, job):
        result = answer(node, job)
        worse = 0.01 * (job.work.round - 1)
        return replace(result, metrics={name: value - worse for name, value in result.metrics.items()})

    search, events = make(SPECS[:4], fidelity=fidelity)
    play(search, respond=respond)
    told = [(event["trial"], event["rung"], event.get("before")) for event in kinds(events, "best")]
    assert [(trial, rung) for trial, rung, _ in told][-2:] == [("trial-0002", 2), ("trial-0003", 2)]
    assert told[0][2] is None
    scored = {(event["trial"], event["rung"]): event["score"] for event in kinds(events, "scored")}
    for (before, rung, _), (_, _, told_before) in pairwise(told):
        assert told_before == {
            "trial": before,
            "rung": rung,
            "score": scored[before, rung],
            "values": {"accuracy": scored[before, rung]},
            "feasible": True,
            "failed": False,
        }


def test_where_the_best_fails_the_next_one_is_the_best_and_where_none_is_left_nobody():
    """The widest scores best at rung 1 and fails in the round after that."""
    fidelity = SuccessiveHalving(SuccessiveHalving.Options(max_rounds=2, min_rounds=1, eta=2, bracket_size=2))

    def respond(node, job):
        return Result(job.id, "failed", "broken") if job.work.round == 2 else answer(node, job)

    search, events = make(SPECS[:2], fidelity=fidelity)
    play(search, respond=respond)
    last = kinds(events, "best")[-1]
    assert (last["trial"], last["before"]["trial"], last["before"]["failed"]) == ("trial-0000", "trial-0001", True)
    place = {event["event"]: number for number, event in enumerate(events)}
    assert place["failed"] < place["best"]
    assert search.winner.number == 0


def test_successive_halving_promotes_and_stops():
    fidelity = SuccessiveHalving(SuccessiveHalving.Options(max_rounds=4, min_rounds=1, eta=2, bracket_size=4))
    search, events = make(SPECS[:4], fidelity=fidelity)
    play(search)
    # 4 trials of 1 round, the best 2 go on to 2 rounds, the best 1 to 4
    assert [trial.rounds for trial in search.trials] == [1, 1, 2, 4]
    states = [trial.state for trial in search.trials]
    assert states == [TrialState.STOPPED] * 3 + [TrialState.FINISHED]
    assert [event["rounds"] for event in kinds(events, "promoted")] == [2, 2, 4]


def test_a_bracket_that_stays_incomplete_is_closed_at_the_end():
    fidelity = SuccessiveHalving(SuccessiveHalving.Options(max_rounds=4, min_rounds=1, eta=2, bracket_size=4))
    search, _ = make(SPECS[:6], fidelity=fidelity, concurrency=2)
    play(search)
    assert all(trial.state.ended for trial in search.trials)


def test_every_proposal_is_observed_once():
    search, _ = make(SPECS)
    play(search)
    assert sorted(observation.number for observation in search.controller.history) == list(range(12))


def test_trials_train_on_the_same_sample_in_the_same_round():
    search, _ = make(SPECS[:3], nodes_per_round=2)
    samples = {}

    def respond(node, job):
        if job.work.kind == "train":
            samples.setdefault(job.work.round, {}).setdefault(job.trial, set()).add(node)
        return answer(node, job)

    play(search, respond=respond)
    assert [list(by_trial.values()) for by_trial in samples.values()] == [
        [by_trial["trial-0000"]] * 3 for by_trial in samples.values()
    ]
    assert {len(by_trial["trial-0000"]) for by_trial in samples.values()} == {2}


def test_a_line_of_the_journal_names_twenty_nodes_at_most():
    names = [f"node-{index:02d}" for index in range(30)]
    search, events = make(SPECS[:1])
    search.begin(names)
    play(search, nodes=names, respond=lambda node, job: None if node > "node-24" else answer(node, job))
    for event in kinds(events, "round"):
        assert (event["num_nodes"], event["nodes"], event["left_out"]) == (25, names[:20], names[25:])


def test_the_order_of_replies_changes_nothing():
    def run(order):
        search, _ = make(SPECS, nodes_per_round=2)
        play(
            search,
            order=order,
            respond=lambda node, job: answer(node, job, shift={"a": 0.1, "b": 0.7, "c": 3e-5}[node]),
        )
        best = search.ranking[0]
        return [trial.to_json() for trial in search.trials], search.weights.weights(best.number).tobytes()

    assert run(sorted) == run(lambda nodes: sorted(nodes, reverse=True))


def test_a_silent_node_is_left_out_and_the_trial_goes_on():
    search, events = make(SPECS[:1])
    play(search, respond=lambda node, job: None if node == "b" else answer(node, job))
    assert search.trials[0].state is TrialState.FINISHED
    assert {event["node"] for event in kinds(events, "absent")} == {"b"}
    assert search.trials[0].metrics["nodes"] == 2


def test_a_deadline_leaves_out_who_still_owes():
    search, events = make(SPECS[:1])
    search.refill(NODES)
    search.dispatch(NODES, 100.0)
    assert search.next_deadline == 110.0
    search.expire(now=109.0)
    assert search.owing == set(NODES)
    search.expire(now=110.0)
    assert not search.owing
    assert len(kinds(events, "absent")) == 3


def test_a_round_that_nobody_answers_is_tried_again_before_it_fails_the_trial():
    search, events = make(SPECS[:1])
    play(search, respond=lambda _, __: None)
    assert [event["tries"] for event in kinds(events, "retried")] == [1, 2]
    (trial,) = search.trials
    assert (trial.state, trial.unheard) == (TrialState.FAILED, True)
    assert "none of 3 nodes" in trial.failure
    assert len(kinds(events, "absent")) == TRIES * 3


def test_an_outage_of_one_round_costs_an_exchange_and_no_trial():
    search, events = make(SPECS[:4])
    rounds = []

    def respond(node, job):
        rounds.append(job.trial)
        return None if len(rounds) <= 4 * 3 else answer(node, job)

    assert play(search, respond=respond) == 1 + 3
    assert [trial.state for trial in search.trials] == [TrialState.FINISHED] * 4
    assert len(kinds(events, "retried")) == 4


def test_a_score_that_too_few_gave_is_asked_of_the_others_again():
    search, _ = make(SPECS[:1])
    asked = []

    def respond(node, job):
        if job.work.kind != "score":
            return answer(node, job)
        asked.append(node)
        return None if node != "a" and len(asked) <= 3 else answer(node, job)

    play(search, respond=respond)
    assert asked == ["a", "b", "c", "b", "c"]
    assert search.trials[0].metrics["nodes"] == 3


def test_what_a_node_said_is_no_silence():
    def respond(node, job):
        return Result(job.id, "failed", "out of memory") if node == "a" else None

    search, events = make(SPECS[:1])
    search.refill(["a"])
    for node, (job,) in search.dispatch(["a"], 0.0).items():
        search.take(node, job, respond(node, job))
    search.settle()
    assert not kinds(events, "retried")
    assert (search.trials[0].state, search.trials[0].unheard) == (TrialState.FAILED, False)


def test_work_that_comes_back_undone_has_a_whole_deadline_again_and_goes_first():
    """With 80 % of the deadline as budget a second message would have a fifth of it left."""
    search, events = make(SPECS[:2])
    search.refill(NODES)
    first = search.dispatch(NODES, 0.0)
    for node, jobs in first.items():
        take(search, node, jobs[0])
        search.take(node, jobs[1], Result(jobs[1].id, "unfinished", "no time"))
    search.settle()
    search.refill(NODES)
    second = search.dispatch(NODES, 8.0)
    assert [(job.trial, job.work.round) for job in second["a"]] == [("trial-0001", 1), ("trial-0000", 2)]
    search.expire(now=17.9)
    for node, jobs in second.items():
        for job in jobs:
            take(search, node, job)
    assert not kinds(events, "absent")
    assert not kinds(events, "refused")


def test_a_deadline_ends_what_is_late_and_nothing_else():
    search, events = make(SPECS[:2])
    search.refill(NODES)
    search.dispatch(["a"], 0.0)
    search.dispatch(["b", "c"], 9.0)
    search.expire(now=10.0)
    assert {event["node"] for event in kinds(events, "absent")} == {"a"}
    assert search.owing == {"b", "c"}
    assert search.next_deadline == 19.0


def test_a_panel_is_drawn_once_and_takes_in_nobody_later():
    search, _ = make(SPECS[:1])
    asked = []

    def respond(node, job):
        asked.append((node, job.work.kind))
        return answer(node, job)

    play(search, nodes=[*NODES, "d"], respond=respond)
    assert {node for node, kind in asked if kind == "train"} == {"a", "b", "c", "d"}
    assert {node for node, kind in asked if kind == "score"} == {"a", "b", "c"}


def test_a_score_is_of_more_than_half_of_the_panel_by_default():
    search, _ = make(SPECS[:1])
    play(
        search,
        respond=lambda node, job: (
            None if (node, job.work.kind) != ("a", "score") and job.work.kind == "score" else answer(node, job)
        ),
    )
    assert search.trials[0].state is TrialState.FAILED
    assert "scoring.min_nodes=2 nodes, but 1 gave one" in search.trials[0].failure


def test_trials_are_ranked_by_the_nodes_that_they_have_in_common():
    """The wider one misses the node with hard data: its mean is the higher, and on both other nodes it is worse."""
    easy = {"a": 0.9, "b": 0.7, "c": 0.1}

    def respond(node, job):
        if job.work.kind == "train":
            return answer(node, job)
        if job.trial == "trial-0001" and node == "c":
            return None
        worse = 0.05 if job.trial == "trial-0001" else 0.0
        return Result(job.id, "done", "", 5, {"accuracy": easy[node] - worse}, 0.1)

    search, _ = make(SPECS[:2])
    play(search, respond=respond)
    assert search.trials[1].score == pytest.approx((0.85 + 0.65) / 2)
    assert search.trials[0].score == pytest.approx((0.9 + 0.7 + 0.1) / 3)
    assert [trial.number for trial in search.ranking] == [0, 1]
    # what a controller sees: the second one, had it been scored by all
    scores = {seen.number: seen.score for seen in search.controller.history}
    assert scores == {0: pytest.approx(1.7 / 3), 1: pytest.approx(1.7 / 3 - 0.05)}


def test_a_winner_that_a_later_score_makes_still_has_its_weights():
    """Each trial lacks one node; what the third says of the nodes puts the second before the first."""
    scores = {
        "trial-0000": {"a": 0.9, "b": 0.5},
        "trial-0001": {"b": 0.6, "c": 0.6},
        "trial-0002": {"a": 0.9, "c": 0.1},
    }

    def respond(node, job):
        if job.work.kind == "train":
            return answer(node, job)
        score = scores[job.trial].get(node)
        return score if score is None else Result(job.id, "done", "", 5, {"accuracy": score})

    search, events = make(SPECS[:3], concurrency=1)
    play(search, respond=respond)
    assert search.weights.weights(search.winner.number) is not None
    assert kinds(events, "best")[-1]["trial"] == f"trial-{search.winner.number:04d}"
    assert [event["trial"] for event in kinds(events, "best")] == ["trial-0000", "trial-0001"]


def test_a_node_that_claims_more_examples_than_it_holds_is_refused_and_no_other():
    search, events = make(SPECS[:1])
    search.held = lambda _, split: {"train": 10, "validation": 5}[split]

    def respond(node, job):
        result = answer(node, job)
        return Result(**{**vars(result), "num_examples": 2**29 - 1}) if node == "a" else result

    play(search, respond=respond)
    assert {event["node"] for event in kinds(events, "refused")} == {"a"}
    assert "must not claim more examples than it said it holds" in kinds(events, "refused")[0]["reason"]
    assert search.trials[0].state is TrialState.FINISHED
    assert search.trials[0].metrics["nodes"] == 2


def test_a_fidelity_that_never_decides_is_an_error_and_no_endless_loop():
    class Undecided(Full):
        def report(self, _):
            return []

    search, _ = make(SPECS[:2], fidelity=Undecided(Full.Options(max_rounds=1)))
    with pytest.raises(SearchError, match="All trials wait for a decision, and Undecided makes none"):
        play(search)


def test_a_late_result_is_refused():
    search, events = make(SPECS[:1])
    search.refill(NODES)
    orders = search.dispatch(NODES, 0.0)
    take(search, "a", orders["a"][0])
    search.expire(now=10.0)
    search.settle()
    take(search, "b", orders["b"][0])
    (refused,) = kinds(events, "refused")
    assert refused["node"] == "b"
    assert "still owes" in refused["reason"]
    assert search.trials[0].rounds == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"arrays": {"weights": np.zeros(3, np.float32)}}, "shape"),
        ({"arrays": {"weights": np.full(27, np.nan, np.float32)}}, "finite"),
        ({"arrays": {}}, "carry an update"),
        ({"num_examples": 0}, "at least 1 example"),
        ({"status": "failed", "reason": "diverged"}, "diverged"),
    ],
)
def test_a_result_that_makes_no_sense_is_refused_with_its_reason(change, reason):
    spec = LayeredSpec((Linear(width=3, norm="none"),))  # 4*3+3 + 3*3+3 = 27 numbers
    search, events = make([spec])
    search.refill(NODES)
    orders = search.dispatch(NODES, 0.0)
    for node in NODES:
        fields = {**vars(answer(node, orders[node][0])), **(change if node == "a" else {})}
        search.take(node, orders[node][0], Result(**fields))
    search.expire(now=10.0)
    search.settle()
    (refused,) = kinds(events, "refused")
    assert refused["node"] == "a"
    assert reason in refused["reason"]
    (closed,) = kinds(events, "round")
    assert (closed["num_nodes"], closed["nodes"], closed["left_out"]) == (2, ["b", "c"], ["a"])
    assert not np.isnan(search.trials[0].ledger.node_seconds)


@pytest.mark.parametrize(
    "change",
    [
        {"trial": "trial-0099"},
        {"trial": "nonsense"},
        {"work": Work("train", "train", 7)},
        {"work": Work("score", "validation", 1)},
    ],
)
def test_a_result_of_a_job_that_is_not_owed_is_refused(change):
    search, events = make(SPECS[:1])
    search.refill(NODES)
    job = search.dispatch(NODES, 0.0)["a"][0]
    search.take("a", replace(job, **change), answer("a", job))
    assert "still owes" in kinds(events, "refused")[0]["reason"]
    assert "a" in search.owing


def test_a_node_cannot_answer_twice():
    search, events = make(SPECS[:1])
    search.refill(NODES)
    orders = search.dispatch(NODES, 0.0)
    take(search, "a", orders["a"][0])
    take(search, "a", orders["a"][0])
    assert len(kinds(events, "refused")) == 1


def test_a_trial_that_diverges_everywhere_fails_without_a_score_and_the_search_goes_on():
    def respond(node, job):
        if job.trial == "trial-0011":
            return Result(job.id, "failed", "The loss is not finite")
        return answer(node, job)

    search, events = make(SPECS)
    play(search, respond=respond)
    assert search.trials[11].state is TrialState.FAILED
    assert search.trials[11].score is None
    assert "The loss is not finite" in search.trials[11].failure
    assert search.ranking[0].number == 10
    assert kinds(events, "failed")[0]["trial"] == "trial-0011"


def test_a_score_from_too_few_nodes_does_not_count():
    search, _ = make(SPECS[:1], min_nodes=3)
    play(search, respond=lambda node, job: None if (node, job.work.kind) == ("c", "score") else answer(node, job))
    assert search.trials[0].state is TrialState.FAILED
    assert "scoring.min_nodes=3" in search.trials[0].failure


def test_a_score_weighs_nodes_by_their_examples():
    sizes = {"a": 1, "b": 1, "c": 8}
    scores = {"a": 0.0, "b": 0.5, "c": 1.0}

    def respond(node, job):
        result = answer(node, job)
        if job.work.kind == "train":
            return result
        return Result(**{**vars(result), "num_examples": sizes[node], "metrics": {"accuracy": scores[node]}})

    search, _ = make(SPECS[:1])
    play(search, respond=respond)
    assert search.trials[0].score == pytest.approx((0.0 + 0.5 + 8.0) / 10)
    assert search.trials[0].metrics["accuracy_worst_decile"] == 0.0


def test_more_scorers_than_nodes_is_said_at_the_start():
    with pytest.raises(ConfigError, match=r"scoring\.min_nodes=4"):
        make(SPECS[:1], min_nodes=4)


def test_a_node_that_is_busy_is_left_out_at_once():
    search, events = make(SPECS[:1])
    search.refill(NODES, unavailable={"c"})
    assert sorted(search.dispatch(NODES, 0.0)) == ["a", "b"]
    assert kinds(events, "absent")[0]["node"] == "c"


def test_jobs_of_a_node_that_is_not_free_wait():
    search, _ = make(SPECS[:2])
    search.refill(NODES)
    assert sorted(search.dispatch(["a"], 0.0)) == ["a"]
    assert (search.owing, search.waiting) == ({"a"}, {"b", "c"})
    orders = search.dispatch(NODES, 0.0)
    assert sorted(orders) == ["b", "c"]
    assert [job.trial for job in orders["b"]] == ["trial-0000", "trial-0001"]


def test_a_node_that_leaves_before_its_job_was_sent_is_not_waited_for():
    search, events = make(SPECS[:1])
    search.refill(NODES)
    search.dispatch(["a", "b"], 0.0)
    search.refill(["a", "b"])
    assert [event["node"] for event in kinds(events, "absent")] == ["c"]


def test_a_job_that_comes_back_undone_is_handed_out_again():
    search, events = make(SPECS[:1])
    search.refill(NODES)
    (job,) = search.dispatch(NODES, 0.0)["a"]
    search.take("a", job, Result(job.id, "unfinished", "no time"))
    assert len(kinds(events, "unfinished")) == 1
    (again,) = search.dispatch(NODES, 0.0)["a"]
    assert (again.trial, again.work.round) == (job.trial, job.work.round)


def test_a_trial_waits_for_nodes_rather_than_fail():
    search, _ = make(SPECS[:1], min_nodes=3)
    search.refill(NODES)
    orders = search.dispatch(NODES, 0.0)
    for node in NODES:
        take(search, node, orders[node][0])
    search.settle()
    search.refill(NODES)
    for node, (job,) in search.dispatch(NODES, 0.0).items():
        take(search, node, job)
    search.settle()
    search.refill(NODES, unavailable={"c"})
    assert "3 free nodes" in search.blocked
    assert search.dispatch(NODES, 0.0) == {}
    search.refill(NODES)
    assert search.blocked == ""
    assert sorted(search.dispatch(NODES, 0.0)) == NODES


@pytest.mark.parametrize("placement", [Shared(1, 2), Split(1, 2)], ids=["shared", "split"])
def test_those_held_out_score_on_all_they_have_and_never_train(placement):
    """0.3 of 3 nodes is one; a node that joins later trains, and is in no panel."""
    search, _ = make(SPECS[:4], concurrency=2, placement=placement, held_out=0.3)
    asked = {"train": set(), "all": set()}

    def respond(node, job):
        asked[job.work.split].add(node)
        return answer(node, job)

    play(search, nodes=[*NODES, "d"], respond=respond)
    assert asked["all"] == set(search.held_out) == set(search.panel)
    assert len(search.held_out) == 1
    assert asked["train"] == {*NODES, "d"} - asked["all"]


def test_those_held_out_stay_so_over_an_interruption():
    search, _ = make(SPECS[:2], held_out=0.3)
    search.refill(NODES)
    for node, jobs in search.dispatch(NODES, 0.0).items():
        for job in jobs:
            take(search, node, job)
    search.settle()
    again, _ = make(SPECS[:2], held_out=0.3)
    again.weights.blobs = search.weights.blobs
    again.load_state_dict(json.loads(json.dumps(search.state_dict())))
    again.begin([*NODES, "d", "e", "f", "g"])
    assert again.held_out == search.held_out
    kinds_of = {node: set() for node in NODES}

    def respond(node, job):
        kinds_of[node].add(job.work.kind)
        return answer(node, job)

    play(again, respond=respond)
    assert {node for node, kinds in kinds_of.items() if "score" in kinds} == set(search.held_out)
    assert {node for node, kinds in kinds_of.items() if "train" in kinds} == set(NODES) - set(search.held_out)


def test_bytes_are_counted_as_they_are_sent():
    search, _ = make(SPECS[:1])
    play(search)
    cost = search.controller.space.cost(SPECS[0]).message_bytes
    ledger = search.trials[0].ledger
    # down: 3 nodes x (2 rounds + 1 score); up: 3 nodes x 2 rounds
    assert (ledger.bytes_down, ledger.bytes_up) == (9 * cost, 6 * cost)


def test_what_cannot_be_told_apart_trains_on_and_the_journal_says_who():
    """The second and the third are better on one node each, so their difference is 0 and its noise is not."""
    fidelity = SuccessiveHalving(SuccessiveHalving.Options(max_rounds=2, min_rounds=1, eta=3, bracket_size=3))
    search, events = make(SPECS[:3], fidelity=fidelity)
    best = {"a": {2, 3}, "b": {3}, "c": {2}}

    def undecided(node, job):
        result = answer(node, job)
        if job.work.kind == "train":
            return result
        accuracy = 0.9 if job.spec.layers[0].width in best[node] else 0.1
        return replace(result, metrics={"accuracy": accuracy, "loss": 1.0 / job.spec.layers[0].width})

    play(search, respond=undecided)
    (event,) = kinds(events, "undecided")
    assert (event["doubtful"], event["rung"]) == (["trial-0001", "trial-0002"], 1)
    assert [event["trial"] for event in kinds(events, "promoted")] == ["trial-0002", "trial-0001"]
    assert [event["trial"] for event in kinds(events, "stopped")] == ["trial-0000"]
    assert search.winner.number == 2, "of equal ones the one with the lower loss"


def reporting_auroc(*names):
    """Answer as `answer` does, and of these nodes with an AUROC."""

    def respond(node, job):
        result = answer(node, job)
        more = {"auroc": 0.75} if job.work.kind == "score" and node in names else {}
        return replace(result, metrics={**result.metrics, **more})

    return respond


def test_the_nodes_without_what_ranks_are_left_out_of_the_comparison():
    search, _ = make(SPECS[:2])
    search.objectives = Auroc(TASK.head)
    play(search, respond=reporting_auroc(*NODES[1:]))
    for trial in search.trials:
        assert (trial.score, trial.metrics["auroc_nodes"]) == (0.75, len(NODES) - 1)
        assert set(trial.scores[-1].comparable) == set(NODES[1:])


def test_where_no_node_of_the_panel_reports_what_ranks_the_first_score_ends_the_search():
    search, events = make(SPECS[:2], concurrency=1)
    search.objectives = Auroc(TASK.head)
    with pytest.raises(ConfigError, match=r"panel.*'auroc'.*Set objective=balanced_accuracy"):
        play(search, respond=reporting_auroc())
    assert len(search.trials) == 1
    assert not kinds(events, "failed")


def test_where_who_did_not_answer_might_have_reported_it_the_trial_fails_and_the_search_goes_on():
    def respond(node, job):
        silent = node == NODES[0] and job.work.kind == "score" and job.spec == SPECS[0]
        return None if silent else reporting_auroc(NODES[0])(node, job)

    search, events = make(SPECS[:2])
    search.objectives = Auroc(TASK.head)
    play(search, respond=respond)
    failed, scored = search.trials
    assert (failed.state, scored.score) == (TrialState.FAILED, 0.75)
    assert "'auroc'" in kinds(events, "failed")[0]["reason"]
