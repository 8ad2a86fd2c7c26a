"""Paths train round by round, and what they come to is one network. Without Flower."""

from __future__ import annotations

import json

import numpy as np
import pytest

from common.errors import ConfigError, SearchError
from common.jobs import Result
from common.settings import TrainingSettings
from common.tasks import Classification, Task
from server_app.aggregation.fedavg import FedAvg
from server_app.blobs import Blobs
from server_app.budget import Shortage
from server_app.journal import Journal
from server_app.objectives.accuracy import Accuracy
from server_app.placement.shared import Shared
from server_app.scoring import Scoring
from server_app.spaces.mobile import MobileSpace
from server_app.stages.warm_up import WarmUp
from server_app.supernet.paths import LARGEST, SMALLEST, Paths
from server_app.trials import TrialState
from server_app.weights.supernet import Supernet

TASK = Task((1, 8, 8), Classification(3))
SPACE = MobileSpace(
    TASK, MobileSpace.Options(stages=[{"width": [2, 4], "stride": 2, "depth": 2}], blocks=["mb2_k3", "mb2_k5"])
)
NODES = ["a", "b", "c"]
RECIPE = TrainingSettings()


def warm_up(rounds=3, blobs=None, held_out=0.0, shortage=lambda *_: None, given=(), distils=False):
    events = []
    stage = WarmUp(
        seed=1,
        deadline=10.0,
        rounds=rounds,
        paths=Paths(SPACE, "sandwich", 3, 1, given),
        recipe=RECIPE,
        distils=distils,
        shortage=shortage,
        placement=Shared(1, 3, Shared.Options()),
        weights=Supernet(TASK, 1, FedAvg, blobs or Blobs(None), Supernet.Options(rounds=rounds)),
        objectives=Accuracy(TASK.head),
        scoring=Scoring(held_out=held_out),
        journal=Journal(None, events.append),
    )
    stage.begin(NODES)
    return stage, events


def exchange(stage, fails=()):
    """Exchange once: each node adds 1, or fails; return the jobs by node."""
    stage.refill(NODES)
    sent = {} if stage.done else stage.dispatch(NODES, 0.0)
    for node, jobs in sent.items():
        for job in jobs:
            arrays = {"weights": job.arrays["weights"] + np.float32(1)}
            failed = job.trial in fails
            result = Result(
                job.id, "failed" if failed else "done", "no", 10, {"loss": 1.0}, 0.1, {} if failed else arrays
            )
            stage.take(node, job, result)
    stage.settle()
    return sent


def play(stage):
    while not stage.done:
        exchange(stage)


def test_each_round_trains_its_paths_on_all_nodes_and_scores_nothing():
    stage, events = warm_up()
    rounds = []
    while not stage.done:
        rounds.append(exchange(stage))
    assert len(rounds) == 3
    for number, sent in enumerate(rounds, start=1):
        assert sorted(sent) == NODES
        for jobs in sent.values():
            assert [(job.work.kind, job.work.round, job.work.rounds) for job in jobs] == [("train", number, 3)] * 3
    assert [trial.origin for trial in stage.trials] == [LARGEST, SMALLEST, "sample"] * 3
    assert {trial.state for trial in stage.trials} == {TrialState.FINISHED}
    assert not any(trial.scores for trial in stage.trials)
    assert [event["event"] for event in events].count("round") == 9


def test_all_paths_of_a_round_start_from_what_those_of_the_one_before_came_to():
    stage, _ = warm_up()
    largest, _ = stage.paths.ends
    before = stage.weights._shared.cut(largest.lower(TASK))
    for step in (1, 2, 3):
        exchange(stage)
        np.testing.assert_allclose(stage.weights._shared.cut(largest.lower(TASK)), before + step, atol=1e-5)


def test_specs_that_the_search_begins_with_take_turns():
    rng = np.random.default_rng(0)
    given = [SPACE.sample(rng), SPACE.sample(rng)]
    stage, _ = warm_up(given=given)
    play(stage)
    turns = [trial.spec for trial in stage.trials if trial.origin == "given"]
    assert turns == [given[0], given[1], given[0]]
    assert len(stage.trials) == 9


def test_all_but_the_largest_learn_from_it_and_that_is_counted(tmp_path):
    stage, _ = warm_up(distils=True, blobs=Blobs(tmp_path))
    exchange(stage)
    sent = exchange(stage)
    assert [(job.trial, job.work.teacher) for job in sent["a"]] == [
        ("path-0003", ""),
        ("path-0004", "path-0003"),
        ("path-0005", "path-0003"),
    ]
    macs = [SPACE.cost(trial.spec).macs for trial in stage.trials]
    examples = 10 * len(NODES) * RECIPE.epochs
    for trial in stage.trials:
        taught = 0 if trial.origin == LARGEST else macs[0]
        assert trial.ledger.mac_examples == examples * (macs[trial.number] + taught)
    stage.refill(NODES)
    again, _ = warm_up(distils=True, blobs=Blobs(tmp_path))
    again.load_state_dict(json.loads(json.dumps(stage.state_dict())))
    assert [active.macs for active in again._active.values()] == [active.macs for active in stage._active.values()]


def test_who_is_held_out_trains_no_path():
    stage, _ = warm_up(held_out=0.34)
    (held_out,) = stage.held_out
    assert sorted(exchange(stage)) == [node for node in NODES if node != held_out]


def test_a_path_that_failed_leaves_the_others():
    stage, _ = warm_up()
    exchange(stage, fails={"path-0001"})
    play(stage)
    states = [trial.state for trial in stage.trials]
    assert states.count(TrialState.FAILED) == 1
    assert len(states) == 9


@pytest.mark.parametrize("rounds", [1, 2])
def test_a_round_that_failed_altogether_ends_the_run_also_the_last_one(rounds):
    stage, _ = warm_up(rounds)
    for _ in range(rounds - 1):
        exchange(stage)
    names = {f"path-{3 * (rounds - 1) + number:04d}" for number in range(3)}
    with pytest.raises(SearchError, match=f"All paths of round {rounds} of the warm-up failed"):
        exchange(stage, fails=names)


def test_what_the_budget_does_not_pay_for_is_left_to_the_search():
    least = Shortage("mac_examples", 1, 1, 1)
    stage, events = warm_up(shortage=lambda stage, _: least if stage.begun == 2 else None)
    play(stage)
    assert len(stage.trials) == 6
    assert [(event["rounds"], event["of"]) for event in events if event["event"] == "warmed_up"] == [(2, 3)]


def test_a_budget_that_pays_for_no_round_is_refused():
    stage, _ = warm_up(shortage=lambda *_: Shortage("mac_examples", 0, 1500, 1000))
    with pytest.raises(ConfigError, match=r"must pay for a round of the warm-up.*1,500 here, got 1000"):
        stage.refill(NODES)


@pytest.mark.parametrize("stop", range(4))
def test_saved_and_restored_in_the_middle_equals_never_interrupted(stop, tmp_path):
    whole, _ = warm_up()
    play(whole)
    first, _ = warm_up(blobs=Blobs(tmp_path))
    for _ in range(stop):
        exchange(first)
    first.refill(NODES)  # what is under way is asked again
    second, _ = warm_up(blobs=Blobs(tmp_path))
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    play(second)
    assert [trial.state_dict()["spec"] for trial in second.trials] == [t.state_dict()["spec"] for t in whole.trials]
    for spec in {trial.spec for trial in whole.trials}:
        graph = spec.lower(TASK)
        np.testing.assert_array_equal(second.weights._shared.cut(graph), whole.weights._shared.cut(graph))
