"""Candidates of a search that nodes score without training (the small federation of test_search)."""

from __future__ import annotations

import json

import pytest

from common.architecture.cost import cost_of
from common.errors import ConfigError
from common.jobs import Result
from common.settings import TrainingSettings
from server_app.aggregation.fedavg import FedAvg
from server_app.blobs import Blobs
from server_app.budget import Shortage
from server_app.controllers.base import Suggestion
from server_app.controllers.random import Random
from server_app.fidelity.asha import Asha
from server_app.fidelity.base import Proxy
from server_app.fidelity.full import Full
from server_app.fidelity.hyperband import Hyperband
from server_app.fidelity.median_stop import MedianStop
from server_app.fidelity.successive_halving import SuccessiveHalving
from server_app.journal import Journal
from server_app.objectives.accuracy import Accuracy
from server_app.placement.shared import Shared
from server_app.scoring import Scoring
from server_app.spaces.listed import ListedSpace
from server_app.stages.screening import Screening
from server_app.stages.search import Search
from server_app.trials import TrialState
from server_app.weights.scratch import Scratch
from tests.server_app.stages.test_search import NODES, SPECS, TASK, answer, kinds, play
from tests.support.spaces import given, with_one_recipe

HELD = {"a": 64, "b": 40, "c": 12, "few": 9}
ONE_ROUND = {"max_rounds": 2, "min_steps": 0}
FIDELITIES = [
    Full(Full.Options(max_rounds=2)),
    SuccessiveHalving(SuccessiveHalving.Options(**ONE_ROUND, eta=2, bracket_size=2)),
    Hyperband(Hyperband.Options(**ONE_ROUND, eta=2)),
    Asha(Asha.Options(**ONE_ROUND, eta=2)),
    MedianStop(MedianStop.Options(**ONE_ROUND)),
]


class Repeating(Random):
    """Tries the last trial once more after each."""

    def suggest(self, rng):
        if len(self._proposed) % 2:
            return Suggestion(self._proposed[-1], "repeat", repeats=len(self._proposed) - 1)
        return super().suggest(rng)


def make(
    trials=4,
    *,
    fidelity=None,
    start=(),
    pool=3,
    keep=1,
    concurrency=2,
    controller=Random,
    batch=32,
    nodes=NODES,
    shortage=lambda *_: None,
    blobs=None,
):
    events = []
    space = ListedSpace(TASK, ListedSpace.Options([spec.to_dict() for spec in SPECS]))
    journal = Journal(None, events.append)
    search = Search(
        seed=1,
        concurrency=concurrency,
        deadline=10.0,
        controller=controller(with_one_recipe(space), 1, trials, start=given(start)),
        fidelity=fidelity or Full(Full.Options(max_rounds=1)),
        placement=Shared(1, concurrency, Shared.Options(None)),
        weights=Scratch(TASK, 1, FedAvg, blobs or Blobs(None)),
        objectives=Accuracy(TASK.head),
        scoring=Scoring(min_nodes=1),
        journal=journal,
        held=lambda name, _: HELD[name],
        shortage=shortage,
        screening=Screening(
            proxy=Proxy("naswot", pool, keep),
            recipe=TrainingSettings(batch_size=batch),
            min_examples=10,
            held=lambda name, _: HELD[name],
            journal=journal,
        ),
    )
    search.begin(nodes)
    return search, events


def width(spec):
    return spec.layers[0].width


def respond(node, job):
    """Score candidates by their width, so that narrower is better; the nodes do not agree by how much."""
    if job.work.kind != "proxy":
        return answer(node, job)
    assert not job.arrays
    scores = {"naswot": -float(width(job.spec)) * (1 + NODES.index(node)), "synflow": float(width(job.spec))}
    return Result(job.id, "done", "", min(32, HELD[node]), scores, 0.5)


def pools(events):
    """Of each pool the widths of the candidates, and of those that were kept."""
    by_id = {spec.id: width(spec) for spec in SPECS}
    return [
        ([by_id[name] for name, _ in event["candidates"]], [by_id[name] for name in event["kept"]])
        for event in kinds(events, "screened")
    ]


@pytest.mark.parametrize("fidelity", FIDELITIES, ids=lambda one: type(one).__name__)
def test_of_each_pool_the_best_is_tried_with_any_fidelity(fidelity):
    search, events = make(fidelity=type(fidelity)(fidelity.options))
    play(search, respond=respond)
    found = pools(events)
    assert [len(pool) for pool, _ in found] == [3] * 4
    assert [kept for _, kept in found] == [[min(pool)] for pool, _ in found]
    assert [width(trial.spec) for trial in search.trials] == [min(pool) for pool, _ in found]
    assert [trial.number for trial in search.trials] == [0, 1, 2, 3]
    assert all(trial.state.ended for trial in search.trials)


def test_the_pools_of_all_free_places_are_scored_in_one_exchange():
    search, _ = make(concurrency=2)
    search.refill(NODES)
    orders = search.dispatch(NODES, 0.0)
    assert {node: len(jobs) for node, jobs in orders.items()} == dict.fromkeys(NODES, 6)
    assert len({job.spec for job in orders["a"]}) == 6, "no two candidates are alike"
    assert not search.trials
    for node, jobs in orders.items():
        for job in jobs:
            search.take(node, job, respond(node, job))
    assert search.settle()
    search.refill(NODES)
    assert [active.slot for active in search._active.values()] == [0, 1]


def test_what_was_suggested_is_not_screened():
    search, events = make(trials=3, start=SPECS[10:], concurrency=3)
    search.refill(NODES)
    assert [width(trial.spec) for trial in search.trials] == [11, 12]
    play(search, respond=respond)
    assert len(pools(events)) == 1
    assert len(search.trials) == 3


def test_several_of_a_pool_may_be_tried_and_wait_for_a_place():
    search, events = make(trials=4, pool=4, keep=2, concurrency=1)
    play(search, respond=respond)
    assert [sorted(pool)[:2] for pool, _ in pools(events)] == [kept for _, kept in pools(events)]
    assert len(pools(events)) == 2
    assert [width(trial.spec) for trial in search.trials] == [one for _, kept in pools(events) for one in kept]


def test_what_was_not_picked_may_come_again_so_a_small_space_is_searched_to_its_end():
    search, _ = make(trials=len(SPECS), pool=5)
    play(search, respond=respond)
    assert sorted(width(trial.spec) for trial in search.trials) == [width(spec) for spec in SPECS]


def test_a_repetition_has_no_rivals():
    search, events = make(trials=6, controller=Repeating, concurrency=1)
    play(search, respond=respond)
    assert [trial.repeats for trial in search.trials] == [None, 0, None, 2, None, 4]
    assert len(pools(events)) == 3


def test_what_it_takes_is_entered_with_the_trial_that_comes_of_it():
    """Each of 3 candidates goes twice through mini-batches of 32, 32 and 12 examples."""
    search, events = make(trials=1, concurrency=1)
    search.refill(NODES)
    assert search.passes_of_pool == 3 * 2 * 32 * 3
    for node, jobs in search.dispatch(NODES, 0.0).items():
        for job in jobs:
            search.take(node, job, respond(node, job))
    macs = {width(spec): cost_of(spec.lower(TASK)).macs for spec in SPECS}
    before = search.spent.mac_examples
    search.settle()
    ((pool, _),) = pools(events)
    assert before == search.spent.mac_examples == sum(macs[one] for one in pool) * 2 * (32 + 32 + 12)
    search.refill(NODES)
    assert search.trials[0].ledger.mac_examples == search.spent.mac_examples == before
    assert search.trials[0].ledger.node_seconds == pytest.approx(3 * 3 * 0.5)


def test_a_candidate_that_nobody_scored_is_last_and_of_several_the_first():
    def partly(node, job):
        if job.work.kind == "proxy" and width(job.spec) < 9:
            return Result(job.id, "failed", "Out of memory")
        return respond(node, job)

    search, events = make(trials=3, pool=4)
    play(search, respond=partly)
    for pool, kept in pools(events):
        scored = [one for one in pool if one >= 9]
        assert kept == [min(scored) if scored else pool[0]]
    reasons = {(event["node"], event["reason"]) for event in kinds(events, "scoreless")}
    assert reasons == {(node, "Out of memory.") for node in NODES}
    assert not kinds(events, "refused")


def test_silence_is_asked_again_and_then_nobody_waits():
    def silent(node, job):
        return None if job.work.kind == "proxy" else respond(node, job)

    search, events = make(trials=1, concurrency=1)
    assert play(search, respond=silent) == 3 + 2
    assert search.retries == 2 * 3
    assert pools(events)[0][1] == pools(events)[0][0][:1]
    assert {event["specs"] for event in kinds(events, "scoreless")} == {3}


def test_only_nodes_with_enough_examples_are_asked():
    search, _ = make(nodes=["a", "few"])
    search.refill(["a", "few"])
    assert list(search.dispatch(["a", "few"], 0.0)) == ["a"]
    search, _ = make(nodes=["few"])
    with pytest.raises(ConfigError, match="needs 10 training examples"):
        search.refill(["few"])
    with pytest.raises(ConfigError, match="a mini-batch needs 10 examples"):
        make(batch=9)


def test_it_waits_where_none_of_the_panel_is_free():
    search, _ = make()
    search.refill(NODES, NODES)
    assert search.blocked
    assert not search.done
    play(search, respond=respond)
    assert len(search.trials) == 4


def test_what_cannot_be_paid_is_no_candidate():
    def shortage(search, trial, _):
        return Shortage("bytes", 0, width(trial.spec), 6) if width(trial.spec) > 6 else None

    search, events = make(trials=8, shortage=shortage)
    play(search, respond=respond)
    assert sorted(width(trial.spec) for trial in search.trials) == [1, 2, 3, 4, 5, 6]
    assert max(one for pool, _ in pools(events) for one in pool) == 6
    (said,) = kinds(events, "budget")
    assert (said["trials"], said["reserved"]) == (6, 7)


def test_a_pool_that_was_under_way_is_asked_again_after_a_resume():
    def run(interrupted):
        blobs, exchanges = Blobs(None), 0
        search, events = make(pool=3, keep=2, blobs=blobs)
        while not search.done:
            if interrupted:
                state = json.loads(json.dumps(search.state_dict()))
                before = events
                search, events = make(pool=3, keep=2, blobs=blobs)
                search.load_state_dict(state)
                events.extend(before)
            search.refill(NODES)
            for node, jobs in search.dispatch(NODES, 0.0).items():
                for job in jobs:
                    if job.work.kind == "proxy" and not exchanges:
                        search.leave_out(node, [job], "silent", undecided=True)
                    else:
                        search.take(node, job, respond(node, job))
            search.settle()
            exchanges += 1
            assert exchanges < 50
        return [trial.to_json() for trial in search.trials], pools(events), exchanges

    assert run(interrupted=True) == run(interrupted=False)


def test_trials_are_all_that_counts():
    search, _ = make(trials=4)
    play(search, respond=respond)
    assert [trial.state for trial in search.trials] == [TrialState.FINISHED] * 4
    assert search.controller.done
