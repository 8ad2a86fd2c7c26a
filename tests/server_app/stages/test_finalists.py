"""The finalists train again and one is chosen; the final training takes over what they trained. Without Flower."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from common.architecture.cost import cost_of
from common.architecture.kinds.constant import ConstantSpec
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
from server_app.placement.shared import Shared
from server_app.scoring import Scoring
from server_app.selection import BEST, CHEAPEST
from server_app.stages.final import Final, test_of
from server_app.stages.finalists import Finalists
from server_app.trials import TrialState
from server_app.weights.scratch import Scratch

test_of.__test__ = False  # it is no test of pytest's

TASK = Task((4,), Classification(3))
NODES = ["a", "b", "c"]
SMALL, LARGE, OTHER = ((LayeredSpec((Linear(width=width, norm="none"),)), TrainingSettings()) for width in (3, 8, 5))
CONSTANT = (ConstantSpec(), TrainingSettings())
FINISHED, FAILED = TrialState.FINISHED, TrialState.FAILED
ROUNDS, SEEDS = 2, 3


def training(blobs, events, seed):
    return {
        "seed": seed,
        "deadline": 10.0,
        "rounds": ROUNDS,
        "seeds": SEEDS,
        "cost": lambda spec: cost_of(spec.lower(TASK)),
        "placement": Shared(1, 1, Shared.Options()),
        "weights": Scratch(TASK, seed, FedAvg, blobs),
        "objectives": Accuracy(TASK.head),
        "journal": Journal(None, events.append),
    }


def finalists(contenders=(LARGE, SMALL), blobs=None, held_out=0.0):
    events = []
    stage = Finalists(
        contenders=tuple(contenders), scoring=Scoring(held_out=held_out), **training(blobs or Blobs(None), events, 1)
    )
    stage.begin(NODES)
    return stage, events


def final(candidates, blobs=None, earlier=None, server_test=None):
    events = []
    stage = Final(
        candidates=candidates,
        once={"constant"},
        earlier=earlier,
        server_test=server_test,
        scoring=Scoring("test"),
        **training(blobs or Blobs(None), events, 2),
    )
    stage.begin(NODES)
    return stage, events


def exchange(stage, accuracy=lambda *_: 0.5, fails=lambda *_: "", more=lambda _: {}):
    """Exchange once; `accuracy` is what a trial scores on a split, `fails` how a job does; return what was asked.

    `more` is what else a job that scores gives.
    """
    stage.refill(NODES)
    asked = []
    for node, jobs in ({} if stage.done else stage.dispatch(NODES, 0.0)).items():
        for job in jobs:
            asked.append(SimpleNamespace(node=node, trial=job.trial, work=job.work))
            how = fails(job.trial, job.work)
            if how == "silent":
                stage.leave_out(node, [job], "no answer", undecided=True)
            elif how:
                stage.take(node, job, Result(job.id, "failed", how, 10, {}, 0.1, {}))
            elif job.work.kind == "train":
                arrays = {"weights": job.arrays["weights"] + 1}
                stage.take(node, job, Result(job.id, "done", "", 10, {"loss": 1.0}, 0.1, arrays))
            else:
                metrics = {"accuracy": accuracy(job.trial, job.work.split), "loss": 1.0, **more(job)}
                stage.take(node, job, Result(job.id, "done", "", 10, metrics, 0.1))
    stage.settle()
    return asked


def play(stage, *how):
    """Exchange until all has ended."""
    asked = []
    while not stage.done:
        asked += exchange(stage, *how)
    return asked


def by_seed(*values):
    """Return what scores trials that are numbered seed by seed: a tuple of values for each seed."""
    flat = [value for seed in values for value in seed]
    return lambda trial, _: flat[int(trial.rpartition("-")[2])]


def flat(*_):
    """All score the same."""
    return 0.5


CLOSE = by_seed((0.80, 0.78), (0.90, 0.92), (0.70, 0.64))
"""Of the large one 0.8 in the mean, of the small one 0.78: less than their spread over seeds."""


# ---------------------------------------------------------------- the finalists


def test_each_trains_with_each_seed_and_is_scored_by_the_panel():
    stage, events = finalists()
    done = play(stage)
    assert stage.plan == (LARGE, SMALL) * SEEDS
    assert [trial.identity for trial in stage.trials] == list(stage.plan)
    assert [trial.state for trial in stage.trials] == [FINISHED] * 6
    assert {(job.work.kind, job.work.split) for job in done} == {("train", "train"), ("score", "validation")}
    assert [event["trial"] for event in events if event["event"] == "proposed"][:2] == [
        "finalist-0000",
        "finalist-0001",
    ]
    assert [trial.repeats for trial in stage.trials] == [None, None, 0, 1, 0, 1]
    weights = [stage.weights_of(number) for number in range(6)]
    starts = [stage.weights.initial(trial)["weights"] for trial in stage.trials]
    for start, end in zip(starts, weights, strict=True):
        np.testing.assert_allclose(end, start + ROUNDS, atol=1e-5)
    assert not np.array_equal(starts[0], starts[2]), "another seed, another start"


def test_the_cheaper_one_is_chosen_where_noise_hides_a_difference():
    stage, _ = finalists()
    assert stage.choice is None
    play(stage, CLOSE)
    assert (stage.winner, stage.found().why) == (SMALL, CHEAPEST)
    assert stage.choice.means == (pytest.approx(0.8), pytest.approx(0.78))
    assert stage.shown().number == 3, "the small one's second seed has 0.92"


def test_the_better_one_is_chosen_where_noise_does_not():
    stage, _ = finalists()
    play(stage, by_seed((0.90, 0.80), (0.91, 0.81), (0.92, 0.82)))
    assert (stage.winner, stage.found().why) == (LARGE, BEST)


def test_a_seed_that_failed_is_not_missed():
    stage, _ = finalists()
    play(stage, CLOSE, lambda trial, work: "It diverged." if trial == "finalist-0000" and work.kind == "train" else "")
    assert stage.trials[0].state is FAILED
    assert stage.choice.scores[0] == pytest.approx((0.9, 0.7))
    assert stage.runs_of(LARGE)[0].failure


def test_where_all_fail_the_error_says_so_and_silence_is_tried_again():
    stage, events = finalists(blobs=(blobs := Blobs(None)))
    play(stage, flat, lambda *_: "no such file")
    with pytest.raises(SearchError, match=r"The training of all finalists failed \(Round 1 failed.*journal"):
        stage.found()
    stage.reopen()
    assert stage.done
    stage, _ = finalists(blobs=blobs)
    play(stage, flat, lambda *_: "silent")
    with pytest.raises(SearchError, match="resume the run"):
        stage.found()
    other, events = finalists(blobs=blobs)
    other.load_state_dict(json.loads(json.dumps(stage.state_dict())))
    other.reopen()
    assert [event["trial"] for event in events] == [f"finalist-{number:04d}" for number in range(6)]
    play(other)
    assert other.found().chosen == 1, "all score the same, and the small one is the cheaper"


def test_who_was_held_out_scores_and_does_not_train():
    judge, _ = finalists(held_out=0.34)
    (held_out,) = judge.panel
    stage, _ = finalists()
    stage.share_panel(judge)
    assert stage.panel == judge.panel
    done = play(stage)
    trained = {job.node for job in done if job.work.kind == "train"}
    scored = {(job.node, job.work.split) for job in done if job.work.kind == "score"}
    assert trained == set(NODES) - {held_out}
    assert scored == {(held_out, "all")}


# ---------------------------------------------------------------- what the final training makes of them


ROLES = {"winner": SMALL, "baseline": LARGE, "linear": OTHER, "constant": CONSTANT}


@pytest.fixture
def chosen():
    """Finalists of which the small one was chosen, and the blobs that hold what they trained."""
    blobs = Blobs(None)
    stage, _ = finalists(blobs=blobs)
    play(stage, CLOSE)
    return stage, blobs


def test_what_no_seed_changes_trains_once():
    stage, _ = final(ROLES)
    assert stage.plan == (SMALL, LARGE, OTHER, CONSTANT, SMALL, LARGE, OTHER, SMALL, LARGE, OTHER)
    stage.seeds = 1
    assert stage.plan == (SMALL, LARGE, OTHER, CONSTANT)
    stage.seeds, stage.candidates = 2, {"winner": CONSTANT, "constant": CONSTANT}
    assert stage.plan == (CONSTANT, CONSTANT), "the winner is wanted with each seed"


def test_what_the_finalists_trained_is_only_tested(chosen):
    earlier, blobs = chosen
    stage, events = final(ROLES, blobs, earlier)
    done = play(stage)
    trained = {job.trial for job in done if job.work.kind == "train"}
    assert trained == {"final-0002", "final-0003", "final-0006", "final-0009"}, "the linear and the constant model"
    assert {job.work.split for job in done if job.work.kind == "score"} == {"test"}
    # trials 0, 4, 7 of the small one are finalists 1, 3, 5; 1, 5, 8 of the large one are 0, 2, 4
    assert stage.adopted == {0: 1, 1: 0, 4: 3, 5: 2, 7: 5, 8: 4}
    for number, run in stage.adopted.items():
        np.testing.assert_array_equal(stage.weights_of(number), earlier.weights_of(run))
        assert (stage.trials[number].rounds, stage.trials[number].rung) == (ROUNDS, 2)
        assert stage.validation_of(stage.trials[number]) == earlier.trials[run].last
    adopted = [(event["trial"], event["run"], event["rounds"]) for event in events if event["event"] == "adopted"]
    assert adopted[0] == ("final-0000", "finalist-0001", ROUNDS)
    assert stage.shown().number == 4, "the run with 0.92 on validation"
    assert all(trial.state is FINISHED for trial in stage.trials)


def test_a_run_that_failed_is_trained_again():
    blobs = Blobs(None)
    earlier, _ = finalists(blobs=blobs)
    play(earlier, CLOSE, lambda trial, _: "It diverged." if trial == "finalist-0003" else "")
    stage, _ = final({"winner": SMALL}, blobs, earlier)
    done = play(stage)
    assert stage.adopted == {0: 1, 2: 5}
    assert {job.trial for job in done if job.work.kind == "train"} == {"final-0001"}
    assert [stage.validation_of(trial) is not None for trial in stage.trials] == [True] * 3


def test_several_runs_of_the_winner_are_scored_on_validation_before_the_test():
    stage, events = final(ROLES)
    validation = by_seed((0.6, 0, 0, 0), (0.8, 0, 0), (0.7, 0, 0))
    done = play(stage, lambda trial, split: validation(trial, split) if split == "validation" else 0.25)
    judged = {job.trial for job in done if job.work.split == "validation"}
    assert judged == {"final-0000", "final-0004", "final-0007"}
    assert stage.shown().number == 4
    assert [test_of(trial).metrics["accuracy"] for trial in stage.trials] == [0.25] * 10
    splits = [event["split"] for event in events if event["event"] == "scored" and event["trial"] == "final-0004"]
    assert splits == ["validation", "test"]


def fitted(job):
    """A threshold for each run, fitted on validation."""
    return {"threshold": 0.2 + int(job.trial[-1]) / 10} if job.work.split == "validation" else {}


def test_a_test_goes_by_the_threshold_that_was_fitted_on_validation():
    stage, _ = final({"winner": SMALL})
    done = play(stage, by_seed((0.6,), (0.8,), (0.7,)), lambda *_: "", fitted)
    scores = {(job.trial, job.work.split): job.work.threshold for job in done if job.work.kind == "score"}
    for number in range(SEEDS):
        assert scores[f"final-{number:04d}", "validation"] is None
        assert scores[f"final-{number:04d}", "test"] == pytest.approx(0.2 + number / 10)
    assert {job.work.threshold for job in done if job.work.kind == "train"} == {None}


@pytest.mark.parametrize(("nodes", "draws"), [(9, 50), (10, 0)])
def test_nodes_draw_examples_for_a_test_where_they_are_too_few_to_be_drawn_themselves(nodes, draws):
    stage, _ = final({"winner": SMALL})
    stage.bootstrap = 50
    stage.begin([f"n{number}" for number in range(nodes)])
    assert stage._bootstrap("test") == draws
    assert stage._bootstrap("validation") == 0


def test_where_validation_tells_no_threshold_it_is_a_half():
    stage, _ = final({"winner": SMALL})
    done = play(stage)
    assert {job.work.threshold for job in done if job.work.split == "test"} == {0.5}


def test_a_server_that_tests_has_the_threshold_too():
    told = []

    def test(trial, _, threshold):
        told.append((trial.number, threshold))
        return {"accuracy": 0.5, "loss": 1.0}, {}

    stage, _ = final({"winner": SMALL}, server_test=test)
    play(stage, by_seed((0.6,), (0.8,), (0.7,)), lambda *_: "", fitted)
    assert sorted(told) == [(number, pytest.approx(0.2 + number / 10)) for number in range(SEEDS)]


def test_where_the_server_tests_validation_is_still_the_nodes():
    stage, _ = final(
        {"winner": SMALL}, server_test=lambda trial, *_: ({"accuracy": trial.number / 10, "loss": 1.0}, {})
    )
    done = play(stage, by_seed((0.6,), (0.8,), (0.7,)))
    assert {job.work.split for job in done if job.work.kind == "score"} == {"validation"}
    assert [test_of(trial).metrics["accuracy"] for trial in stage.trials] == [0.0, 0.1, 0.2]
    assert stage.shown().number == 1


def test_the_server_tests_what_was_taken_over_without_asking_a_node(chosen):
    earlier, blobs = chosen
    stage, _ = final({"winner": SMALL}, blobs, earlier, lambda *_: ({"accuracy": 0.5, "loss": 1.0}, {}))
    assert play(stage) == []
    assert [trial.state for trial in stage.trials] == [FINISHED] * 3


def test_only_where_every_run_of_the_winner_failed_did_it(chosen):
    stage, _ = final({"winner": SMALL})
    play(stage, flat, lambda trial, _: "It diverged." if trial != "final-0001" else "")
    stage.check_trained()
    assert stage.shown().number == 1
    stage, _ = final({"winner": SMALL})
    play(stage, flat, lambda *_: "It diverged.")
    with pytest.raises(SearchError, match=r"The final training of the winner failed \(Round 1 failed"):
        stage.check_trained()
    assert stage.shown() is None


def test_a_run_that_could_not_be_tested_is_not_shown_before_one_that_was():
    stage, _ = final({"winner": SMALL})
    play(
        stage,
        by_seed((0.6,), (0.9,), (0.7,)),
        lambda trial, work: "full" if (trial, work.split) == ("final-0001", "test") else "",
    )
    assert [test_of(trial) is None for trial in stage.trials] == [False, True, False]
    assert stage.shown().number == 2


@pytest.mark.parametrize("steps", range(7))
def test_killed_and_gone_on_with_it_ends_the_same(chosen, steps):
    """The state after any number of exchanges, in a fresh stage."""
    earlier, blobs = chosen
    scores = by_seed((0.1, 0.2, 0.3, 0.4), (0.5, 0.6, 0.7), (0.8, 0.9, 1.0))
    whole, stage, again = (final(ROLES, blobs, earlier)[0] for _ in range(3))
    play(whole, scores)
    for _ in range(steps):
        exchange(stage, scores)
    again.load_state_dict(json.loads(json.dumps(stage.state_dict())))
    play(again, scores)
    assert [trial.to_json() for trial in again.trials] == [trial.to_json() for trial in whole.trials]
    assert again.adopted == whole.adopted
    for number in range(10):
        np.testing.assert_array_equal(again.weights_of(number), whole.weights_of(number))
