"""A run is scored at its checkpoints and keeps the weights of the best. Without Flower."""

from __future__ import annotations

import json

import numpy as np
import pytest

from common.architecture.cost import cost_of
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.jobs import Result
from common.settings import TrainingSettings
from common.tasks import Classification, Task
from server_app.aggregation.fedavg import FedAvg
from server_app.blobs import Blobs
from server_app.journal import Journal
from server_app.objectives.accuracy import Accuracy
from server_app.placement.shared import Shared
from server_app.scoring import Scoring
from server_app.stages.final import Final
from server_app.stages.finalists import Finalists
from server_app.trials import TrialState
from server_app.weights.scratch import Scratch

TASK, NODES = Task((4,), Classification(3)), ["a", "b", "c"]
ONE, OTHER, MEAN = (
    (LayeredSpec((Linear(width=width, norm="none"),)), TrainingSettings(average=average))
    for width, average in ((3, 0), (5, 0), (3, 2))
)
ROUNDS = 8
RISES, FALLS = {1: 0.5, 2: 0.6, 4: 0.7, 8: 0.8}, {1: 0.5, 2: 0.7, 4: 0.6, 8: 0.6}
"""Scores by rounds trained."""


def training(blobs, events, checkpoints=4):
    return {
        "seed": 1,
        "deadline": 10.0,
        "rounds": ROUNDS,
        "checkpoints": checkpoints,
        "cost": lambda spec: cost_of(spec.lower(TASK)),
        "placement": Shared(1, 1, Shared.Options()),
        "weights": Scratch(TASK, 1, FedAvg, blobs),
        "objectives": Accuracy(TASK.head),
        "journal": Journal(None, events.append),
    }


def finalists(*contenders, blobs=None, **options):
    events = []
    stage = Finalists(
        contenders=contenders, scoring=Scoring(), **training(Blobs(None) if blobs is None else blobs, events, **options)
    )
    stage.begin(NODES)
    return stage, events


def final(candidates, blobs=None, earlier=None):
    events = []
    stage = Final(
        candidates=candidates,
        earlier=earlier,
        scoring=Scoring("test"),
        **training(Blobs(None) if blobs is None else blobs, events),
    )
    stage.begin(NODES)
    return stage, events


def exchange(stage, curve, loss=lambda rounds: 1.0):  # noqa: ARG005
    """Exchange once: each round adds 1 to all weights; scores are of a curve. Return the work that was asked for."""
    stage.refill(NODES)
    asked = []
    for node, jobs in ({} if stage.done else stage.dispatch(NODES, 0.0)).items():
        for job in jobs:
            asked.append((job.trial, job.work))
            metrics, arrays = {"loss": 1.0}, {}
            if job.work.kind == "train":
                arrays = {"weights": job.arrays["weights"] + 1}
            else:
                asked[-1] += (job.arrays["weights"],)
                metrics = {"accuracy": curve[job.work.round], "loss": loss(job.work.round)}
            stage.take(node, job, Result(job.id, "done", "", 10, metrics, 0.1, arrays))
    stage.settle()
    return asked


def play(stage, curve, **how):
    asked = []
    while not stage.done:
        asked += exchange(stage, curve, **how)
    return asked


def trained(identity, rounds):
    """What a trial's weights are after so many rounds of `exchange`: those of a stage that ends then."""
    stage, _ = finalists(identity, checkpoints=1)
    for _ in range(rounds):
        exchange(stage, {})
    return stage.weights.weights(0)


def test_a_run_is_scored_after_a_round_and_then_after_twice_as_many():
    stage, _ = finalists(ONE)
    asked = play(stage, RISES)
    scored = [job[1].round for job in asked if job[1].kind == "score"]
    assert scored == [rounds for rounds in (1, 2, 4, 8) for _ in NODES]
    assert [score.rounds for score in stage.trials[0].scores] == [1, 2, 4, 8]
    assert len([job for job in asked if job[1].kind == "train"]) == ROUNDS * len(NODES), "it trains to its end"
    assert (stage.trials[0].rounds, stage.trials[0].state) == (ROUNDS, TrialState.FINISHED)


@pytest.mark.parametrize(("curve", "best"), [(RISES, 8), (FALLS, 2), (dict.fromkeys(RISES, 0.5), 1)])
def test_the_weights_of_the_best_checkpoint_are_kept_of_equals_the_first(curve, best):
    stage, events = finalists(ONE)
    play(stage, curve)
    np.testing.assert_array_equal(stage.weights_of(0), trained(ONE, best))
    assert stage.validation_of(stage.trials[0]).rounds == stage.trials[0].last.rounds == best
    assert stage.choice.means == (curve[best],)
    told = [(event["trial"], event["rounds"], event["score"]) for event in events if event["event"] == "reverted"]
    assert told == ([] if best == ROUNDS else [("finalist-0000", best, curve[best])])


def test_between_equal_scores_the_loss_decides():
    stage, _ = finalists(ONE)
    play(stage, dict.fromkeys(RISES, 0.5), loss={1: 0.9, 2: 0.8, 4: 0.3, 8: 0.4}.get)
    np.testing.assert_array_equal(stage.weights_of(0), trained(ONE, 4))


def test_what_is_kept_is_what_was_scored_the_mean_over_rounds_too():
    """The mean of rounds 1 and 2 lies half a step behind round 2."""
    stage, _ = finalists(MEAN)
    play(stage, FALLS)
    np.testing.assert_allclose(stage.weights_of(0), trained(ONE, 2) - 0.5, rtol=1e-6)


def test_with_one_checkpoint_the_last_round_counts():
    stage, events = finalists(ONE, checkpoints=1)
    asked = play(stage, FALLS)
    assert {job[1].round for job in asked if job[1].kind == "score"} == {ROUNDS}
    np.testing.assert_array_equal(stage.weights_of(0), trained(ONE, ROUNDS))
    assert "reverted" not in {event["event"] for event in events}


@pytest.mark.parametrize("exchanges", range(1, 12))
def test_saved_and_restored_it_is_as_if_never_interrupted(exchanges, tmp_path):
    whole, _ = finalists(ONE, OTHER)
    play(whole, FALLS)
    stage, _ = finalists(ONE, OTHER, blobs=Blobs(tmp_path))
    for _ in range(exchanges):
        exchange(stage, FALLS)
    state = json.loads(json.dumps(stage.state_dict()))
    restored, _ = finalists(ONE, OTHER, blobs=Blobs(tmp_path))
    restored.load_state_dict(state)
    play(restored, FALLS)
    for number in range(2):
        np.testing.assert_array_equal(restored.weights_of(number), whole.weights_of(number))
        assert [score.value for score in restored.trials[number].scores] == [*FALLS.values(), FALLS[2]]


# ---------------------------------------------------------------- the final training


def test_all_that_is_tested_has_the_weights_of_its_best_checkpoint():
    """Also what the winner is compared with."""
    stage, _ = final({"winner": ONE, "baseline": OTHER})
    tests = [job for job in play(stage, FALLS) if job[1].kind == "score" and job[1].split == "test"]
    assert {job[0] for job in tests} == {"final-0000", "final-0001"}
    by_name = {job[0]: job[2] for job in tests}
    for number, name in enumerate(by_name):
        np.testing.assert_array_equal(by_name[name], stage.weights_of(number))
    np.testing.assert_array_equal(by_name["final-0000"], trained(ONE, 2))
    assert [score.rounds for score in stage.trials[0].scores] == [1, 2, 4, 8, 2, 8], "what was kept, and the test"
    assert [len(stage.validations(trial)) for trial in stage.trials] == [5, 5]


def test_what_is_taken_over_has_the_weights_and_the_score_of_its_best_checkpoint():
    blobs = Blobs(None)
    earlier, _ = finalists(ONE, OTHER, blobs=blobs)
    play(earlier, FALLS)
    stage, _ = final({"winner": OTHER, "baseline": ONE}, blobs, earlier)
    asked = play(stage, FALLS)
    assert {(job[1].kind, job[1].split) for job in asked} == {("score", "test")}
    for number, run in ((0, 1), (1, 0)):
        np.testing.assert_array_equal(stage.weights_of(number), earlier.weights_of(run))
        assert stage.validation_of(stage.trials[number]) == earlier.validation_of(earlier.trials[run])
        assert stage.validation_of(stage.trials[number]).rounds == 2
