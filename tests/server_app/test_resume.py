"""A run that is killed at any event and goes on ends as one left alone does (Flower's grid, real ClientApps)."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

from server_app.blobs import Blobs
from server_app.build import build_strategy
from server_app.entries import personal_entry
from server_app.journal import Journal

CHOICES = {
    "evolution, halving, split, FedAdam, rich recipes": {
        "controller": {"name": "evolution", "population_size": 2, "sample_size": 1},
        "fidelity": {"name": "successive_halving", "max_rounds": 4, "min_steps": 0, "eta": 2, "bracket_size": 2},
        "placement": {"name": "split"},
        "aggregation": {"name": "fedadam"},
        "space": {"name": "layered", "max_layers": 2, "width": [3, 5, 8], "operations": ["linear"]},
        "search": {"trials": 5, "concurrency": 2},
        "final": {"rounds": 3, "checkpoints": 2},
        "training": {
            "label_smoothing": [0.1, 0],
            "schedule": "cosine",
            "augmentation": [["jitter"], []],
            "average": [3, 0],
            "class_weights": ["balanced", "none"],
        },
    },
    "people held out": {"scoring": {"held_out": 0.5}, "final": {"finalists": 2, "seeds": 2}},
    "finalists": {"final": {"rounds": 2, "finalists": 2, "seeds": 2, "checkpoints": 2}},
    "folds, halving, recipes with a mean": {
        "scoring": {"folds": 2},
        "fidelity": {"name": "successive_halving", "max_rounds": 4, "eta": 2, "bracket_size": 2},
        "training": {"average": [3, 0]},
    },
    "weights that are inherited, folds, means": {
        "controller": {"name": "evolution", "population_size": 2, "sample_size": 1},
        "fidelity": {"name": "successive_halving", "max_rounds": 2, "eta": 2, "bracket_size": 2},
        "weights": {"name": "inherit"},
        "space": {"name": "layered", "max_layers": 2, "width": [3, 5, 8], "operations": ["linear"]},
        "search": {"trials": 5, "concurrency": 2},
        "scoring": {"folds": 2},
        "training": {"average": [3, 0]},
    },
    "a supernet that is warmed up, people held out": {
        "controller": {"name": "evolution", "population_size": 2, "sample_size": 1},
        "weights": {"name": "supernet", "rounds": 3, "paths": 3, "largest": 2.0, "distillation": True},
        "fidelity": {"name": "one_shot"},
        "space": {"name": "layered", "max_layers": 2, "width": [3, 5, 8], "operations": ["linear"], "norm": ["batch"]},
        "search": {"trials": 5, "concurrency": 2},
        "scoring": {"held_out": 0.5},
    },
    "a bilevel search that shrinks, people held out, recipes": {
        "controller": {"name": "darts", "rounds": 5, "warm_up": 1, "levels": 2, "recipes": 2, "mixing": "gumbel"},
        "fidelity": {"name": "successive_halving", "max_rounds": 2, "min_steps": 0, "eta": 2, "bracket_size": 2},
        "space": {
            "name": "layered",
            "max_layers": 2,
            "width": [3, 5],
            "operations": ["linear"],
            "norm": ["batch", "none"],
        },
        "search": {"trials": 9, "concurrency": 2},
        "scoring": {"held_out": 0.25},
        "training": {"learning_rate": [0.03, 0.01]},
    },
    "a supernet that trials train, halving": {
        "weights": {"name": "supernet", "rounds": 0},
        "fidelity": {"name": "successive_halving", "max_rounds": 4, "min_steps": 0, "eta": 2, "bracket_size": 2},
        "placement": {"name": "split"},
        "search": {"trials": 5, "concurrency": 2},
    },
    "a front by NSGA-II, halving": {
        "objective": {"name": "pareto"},
        "controller": {"name": "nsga2", "population_size": 2},
        "fidelity": {"name": "successive_halving", "max_rounds": 2, "min_steps": 0, "eta": 2, "bracket_size": 2},
        "space": {"name": "layered", "max_layers": 2, "width": [3, 5, 8], "operations": ["linear"]},
        "search": {"trials": 5, "concurrency": 2},
        "final": {"front": "all", "seeds": 2},
    },
    "Optuna's TPE, halving, recipes": {
        "controller": {"name": "optuna", "startup": 2, "sampler_options": {"n_startup_trials": 2}},
        "fidelity": {"name": "successive_halving", "max_rounds": 2, "min_steps": 0, "eta": 2, "bracket_size": 2},
        "space": {"name": "layered", "max_layers": 2, "width": [3, 5, 8], "operations": ["linear"]},
        "search": {"trials": 6, "concurrency": 2},
        "training": {"learning_rate": [0.001, 0.003]},
    },
    "candidates that are screened, ASHA, split": {
        "controller": {"name": "evolution", "population_size": 2, "sample_size": 1},
        "fidelity": {
            "name": "asha",
            "max_rounds": 4,
            "min_steps": 0,
            "eta": 2,
            "proxy": {"score": "naswot", "pool": 3, "keep": 1},
        },
        "placement": {"name": "split"},
        "space": {"name": "layered", "max_layers": 2, "width": [3, 5, 8], "operations": ["linear"]},
        "search": {"trials": 5, "concurrency": 2},
    },
    "models of the nodes' own, finalists, people held out": {
        "personal": {"method": "mix", "epochs": 2},
        "final": {"rounds": 2, "finalists": 2, "seeds": 2, "checkpoints": 2},
        "scoring": {"held_out": 0.25},
    },
    "the least": {},
}

KILLS = 7
"""Places at which each run is killed; with every event it would take minutes."""


class Killed(BaseException):
    """As SIGKILL: nobody handles it."""


class Run:
    """One run in a folder of weights, that may be killed and go on; its clock is not looked at."""

    def __init__(self, config, folder, make_grid):
        self.config, self.folder, self.make_grid = config, folder, make_grid
        self.events, self.saved, self.trained = [], (0, "null"), Counter()
        self.strategy = None

    def join(self, grid):
        """Start the nodes."""
        grid.people("abcd")

    def look(self):
        """Let happen what happens while the run waits."""

    def heard(self, event):
        """Let happen what happens as an event is written."""

    def go(self, kill_at=None):
        """Run, or go on from what was saved last, until the `kill_at`-th event is written; return the result."""
        kept, state = self.saved
        del self.events[kept:]
        written = 0

        def listen(event):
            nonlocal written
            written += 1
            if written == kill_at:
                raise Killed
            self.events.append({key: value for key, value in event.items() if key not in ("time", "n")})
            self.heard(event)

        def save(state_of):
            self.saved = len(self.events), json.dumps(state_of())

        grid = self.make_grid()
        self.join(grid)
        journal, blobs = Journal(None, listen), Blobs(self.folder)
        self.strategy = build_strategy(self.config, journal, self.look, blobs=blobs, save=save, state=json.loads(state))
        try:
            return self.strategy.start(grid=grid).arrays["weights"].numpy()
        finally:
            orders = [message.content["order"] for message in grid.sent if "order" in message.content]
            for order in orders:
                jobs = zip(order["job"], order["kind"], strict=True)
                self.trained.update(job for job, kind in jobs if kind in ("train", "bilevel", "personal"))

    def found(self):
        outcome = self.strategy.outcome
        again = outcome.finalists.trials if outcome.finalists else []
        trials, own = [*outcome.search.ranking, *again, *outcome.final.trials], []
        if (personal := outcome.personal) is not None:
            trials.append(personal.trial)
            own = [personal_entry(personal)]
        return [*({**trial.to_json(), "origin": trial.origin} for trial in trials), *own]


def story(events):
    """The journal but for what says that a run went on."""
    return [event for event in events if event["event"] not in ("resumed", "node")]


@pytest.fixture(params=CHOICES, ids=lambda name: name.split(",")[0])
def changes(request):
    return CHOICES[request.param]


@pytest.mark.thorough
def test_killed_at_any_event_it_ends_as_if_never_interrupted(changes, configure, make_grid, tmp_path):
    config = configure(**changes, federation={"nodes": 4})
    whole = Run(config, tmp_path / "whole", make_grid)
    weights = whole.go()
    expected, number = whole.found(), len(whole.events)
    for kill_at in range(5, number, max(1, number // KILLS)):
        run = Run(config, tmp_path / str(kill_at), make_grid)
        with pytest.raises(Killed):
            run.go(kill_at)
        ended = {event["trial"] for event in run.events[: run.saved[0]] if event["event"] in ("finished", "stopped")}
        np.testing.assert_array_equal(run.go(), weights)
        assert run.found() == expected
        assert story(run.events) == story(whole.events)
        again = run.trained - whole.trained
        assert set(again.values()) <= {1, 2, 3, 4}, "no node trains a job more than once again"
        assert not {job.partition("/")[0] for job in again} & ended, "what had ended is not trained again"


def test_killed_again_and_again_it_gets_there(changes, configure, make_grid, tmp_path):
    config = configure(**changes, federation={"nodes": 4})
    whole = Run(config, tmp_path / "whole", make_grid)
    weights = whole.go()
    run, result, kills = Run(config, tmp_path / "run", make_grid), None, 0
    while result is None:
        try:
            result = run.go(20)
        except Killed:
            kills += 1
        assert kills < 100
    assert kills > 0
    np.testing.assert_array_equal(result, weights)
    assert run.found() == whole.found()
