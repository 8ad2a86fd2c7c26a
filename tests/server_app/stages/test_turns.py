"""Turns: each closes once, after its last phase, also where the run was interrupted in between."""

from __future__ import annotations

import json

import numpy as np
import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.jobs import Result
from common.tasks import Classification, Task
from server_app.aggregation.fedavg import FedAvg
from server_app.blobs import Blobs
from server_app.controllers.random import Random
from server_app.fidelity.full import Full
from server_app.journal import Journal
from server_app.objectives.accuracy import Accuracy
from server_app.placement.split import Split
from server_app.scoring import Scoring
from server_app.spaces.listed import ListedSpace
from server_app.stages.search import Search
from server_app.weights.scratch import Scratch
from tests.support.spaces import given, with_one_recipe

TASK = Task((4,), Classification(3))
SPECS = [LayeredSpec((Linear(width=width, norm="none"),)) for width in (1, 2, 3, 4)]
NODES = ["a", "b", "c", "d"]
BUSY = {1: "trial-0001", 2: "trial-0001", 4: "trial-0000", 7: "trial-0003"}
"""By exchange: the trial whose jobs the nodes hand back undone."""


class Recording(Scratch):
    """Weights that remember which turns were closed, and how often each trial had been folded by then."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.folds, self.closed = [], []

    def fold(self, trial):
        super().fold(trial)
        self.folds.append((trial.number, trial.rounds + 1))

    def close(self, turn):
        self.closed.append((turn, self.folds))
        self.folds = []


def make(blobs, excess=lambda node, trial: ""):  # noqa: ARG005
    space = ListedSpace(TASK, ListedSpace.Options([spec.to_dict() for spec in SPECS]))
    search = Search(
        seed=1,
        concurrency=2,
        deadline=10.0,
        controller=Random(with_one_recipe(space), 1, len(SPECS), start=given(SPECS)),
        fidelity=Full(Full.Options(max_rounds=3)),
        placement=Split(1, 2, Split.Options()),
        weights=Recording(TASK, 1, FedAvg, blobs),
        objectives=Accuracy(TASK.head),
        scoring=Scoring(),
        journal=Journal(),
        excess=excess,
    )
    search.begin(NODES)
    return search


def answer(job, exchange):
    if BUSY.get(exchange) == job.trial:
        return Result(job.id, "unfinished", "", 0, {}, 0.0)
    if job.work.kind == "train":
        return Result(job.id, "done", "", 10, {"loss": 1.0}, 0.1, {"weights": job.arrays["weights"] + np.float32(1)})
    return Result(job.id, "done", "", 5, {"accuracy": job.spec.layers[0].width / 100, "loss": 1.0}, 0.1)


def play(search, exchange=0, until=None):
    """Exchange until the search is done, or one more than `until` was made; return who trained what, and the count."""
    asked = []
    while exchange != until:
        search.refill(NODES)
        if search.done:
            break
        exchange += 1
        for node, jobs in sorted(search.dispatch(NODES, 0.0).items()):
            for job in jobs:
                asked.append((exchange, node, job.id))
                search.take(node, job, answer(job, exchange))
        search.settle()
    return asked, exchange


def test_each_turn_closes_once_after_its_last_phase():
    search = make(Blobs())
    play(search)
    turns = [turn for turn, _ in search.weights.closed]
    assert sorted(turns) == list(range(1, max(turns) + 1))
    # trial 1 hands its first round back twice: trial 0 trains its second meanwhile, and its third as that is done
    assert search.weights.closed[:3] == [(2, [(0, 1), (0, 2)]), (1, [(0, 3), (1, 1)]), (3, [])]


@pytest.mark.parametrize("until", range(1, 10))
def test_an_interruption_changes_neither_the_turns_nor_who_trains(until):
    whole = make(Blobs())
    asked, count = play(whole)
    assert until < count
    first = make(blobs := Blobs())
    before, _ = play(first, until=until)
    second = make(blobs)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    second.weights.folds = first.weights.folds
    after, _ = play(second, until)
    assert first.weights.closed + second.weights.closed == whole.weights.closed
    # what was under way is asked again, of those who were asked before
    assert before + after == asked


def test_a_turn_whose_last_phase_cannot_begin_again_closes_too():
    """After the interruption nobody can hold trial 1 any more."""
    first = make(blobs := Blobs())
    play(first, until=1)
    assert first.weights.closed == []
    second = make(blobs, excess=lambda _, trial: "too wide" if trial.number == 1 else "")
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    second.refill(NODES)
    assert second.trials[1].failure
    assert [turn for turn, _ in second.weights.closed] == [1]
