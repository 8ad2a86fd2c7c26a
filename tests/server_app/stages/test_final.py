"""The final training, driven without Flower: what is tried again when a run that failed is resumed."""

from __future__ import annotations

import json

import pytest

from common.architecture.cost import cost_of
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.errors import SearchError
from common.jobs import Result
from common.settings import TrainingSettings
from common.tasks import Classification, Task
from server_app.aggregation.fedavg import FedAvg
from server_app.blobs import Blobs
from server_app.journal import Journal
from server_app.objectives.accuracy import Accuracy
from server_app.objectives.auroc import Auroc
from server_app.placement.shared import Shared
from server_app.scoring import Scoring
from server_app.stages.final import Final
from server_app.stages.rounds import TRIES
from server_app.trials import TrialState
from server_app.weights.scratch import Scratch

TASK = Task((4,), Classification(3))
NODES = ["a", "b"]
WINNER, BASELINE = (LayeredSpec((Linear(width=width, norm="none"),)) for width in (3, 5))
FINISHED, FAILED, RUNNING = TrialState.FINISHED, TrialState.FAILED, TrialState.RUNNING


def make(blobs, *, objectives=None, server_test=None):
    events = []
    final = Final(
        seed=1,
        deadline=10.0,
        candidates={"winner": (WINNER, TrainingSettings()), "baseline": (BASELINE, TrainingSettings())},
        rounds=2,
        placement=Shared(1, 1, Shared.Options()),
        weights=Scratch(TASK, 1, FedAvg, blobs),
        objectives=objectives or Accuracy(TASK.head),
        server_test=server_test,
        scoring=Scoring("test"),
        cost=lambda spec: cost_of(spec.lower(TASK)),
        journal=Journal(None, events.append),
    )
    final.begin(NODES)
    return final, events


def play(final, outcome_of=lambda *_: "done"):
    """Exchange until all has ended; nodes are silent, broken, or do what they are asked to."""
    while True:
        final.refill(NODES)
        if final.done:
            return
        for node, jobs in final.dispatch(NODES, 0.0).items():
            for job in jobs:
                outcome = outcome_of(job.trial, job.work)
                if outcome == "silent":
                    final.leave_out(node, [job], "no answer", undecided=True)
                elif outcome == "broken":
                    final.take(node, job, Result(job.id, "failed", "no such file", 10, {}, 0.1, {}))
                else:
                    final.take(node, job, answer(job))
        final.settle()


def answer(job):
    if job.work.kind == "train":
        return Result(job.id, "done", "", 10, {"loss": 1.0}, 0.1, {"weights": job.arrays["weights"] + 1})
    return Result(job.id, "done", "", 5, {"accuracy": 0.5, "loss": 1.0}, 0.1)


def resumed(final, blobs):
    other, events = make(blobs)
    other.load_state_dict(json.loads(json.dumps(final.state_dict())))
    other.reopen()
    return other, events


def second_round(outcome, *names):
    return lambda name, work: outcome if name in names and (work.kind, work.round) == ("train", 2) else "done"


@pytest.mark.parametrize("names", [("final-0000",), ("final-0000", "final-0001")])
def test_where_silence_failed_the_winner_all_that_it_failed_goes_on(names):
    final, _ = make(blobs := Blobs())
    play(final, second_round("silent", *names))
    assert [trial.state for trial in final.trials] == [FAILED, FINISHED if len(names) == 1 else FAILED]
    other, events = resumed(final, blobs)
    assert [(event["event"], event["trial"], event["rounds"]) for event in events] == [
        ("reopened", name, 1) for name in names
    ]
    assert not other.done
    assert other.trials[0].state is RUNNING
    play(other)
    assert [(trial.state, trial.failure, trial.unheard) for trial in other.trials] == [(FINISHED, "", False)] * 2
    assert other.weights_of(0) is not None


def test_it_has_all_its_tries_again():
    final, _ = make(blobs := Blobs())
    play(final, second_round("silent", "final-0000"))
    other, events = resumed(final, blobs)
    play(other, second_round("silent", "final-0000"))
    assert [event["tries"] for event in events if event["event"] == "retried"] == list(range(1, TRIES))
    assert other.trials[0].state is FAILED


@pytest.mark.parametrize(
    "fails",
    [
        second_round("broken", "final-0000"),
        second_round("broken", "final-0000", "final-0001"),
        second_round("silent", "final-0001"),
    ],
    ids=["the spec is to blame", "both are", "silence failed the baseline alone"],
)
def test_all_else_stays_as_it_ended(fails):
    final, _ = make(blobs := Blobs())
    play(final, fails)
    other, events = resumed(final, blobs)
    assert events == []
    assert other.done
    assert other.state_dict() == final.state_dict()


def test_equal_candidates_share_one_trial():
    final, _ = make(Blobs())
    one, other = final.candidates.values()
    final.candidates = {"winner": one, "baseline": one, "linear": other, "constant": one}
    assert final.identities == (one, other)
    assert final.runs("winner") == []
    play(final)
    assert [trial.identity for trial in final.trials] == [one, other]
    assert [final.runs(role)[0].number for role in final.candidates] == [0, 0, 1, 0]
    assert final.runs("other") == []


@pytest.mark.parametrize("outcome", ["silent", "broken"])
def test_only_the_winners_failure_is_that_of_the_final_training(outcome):
    final, _ = make(Blobs())
    play(final, second_round(outcome, "final-0001"))
    assert final.runs("baseline")[0].state is FAILED
    final.check_trained()
    final, _ = make(Blobs())
    play(final, second_round(outcome, "final-0000"))
    with pytest.raises(SearchError, match="The final training of the winner failed"):
        final.check_trained()


def test_a_stage_that_has_not_begun_has_nothing_to_try_again():
    final, events = make(Blobs())
    final.reopen()
    assert events == []


@pytest.mark.parametrize("where", ["nodes", "server"])
def test_a_test_does_not_fail_for_want_of_the_metric_that_the_search_went_by(where):
    metrics = {"accuracy": 0.5, "loss": 1.0}
    by_person = {"one": (metrics, 5)}
    tests = {"nodes": None, "server": lambda *_: (TASK.head.summarise(by_person), by_person)}
    final, events = make(blobs := Blobs(), objectives=Auroc(TASK.head), server_test=tests[where])
    play(final)
    final.check_trained()
    for trial in [*final.trials, *resumed(final, blobs)[0].trials]:
        assert (trial.state, trial.score, trial.scores[-1].values) == (FINISHED, None, {})
        assert trial.metrics["accuracy"] == 0.5
    assert [event["score"] for event in events if event["event"] == "scored"] == [None, None]
