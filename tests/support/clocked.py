"""A search on nodes of known speed, by a clock that is only counted: no node computes, and nobody waits.

A node does one message after the other; a job takes `server_app.pace.load_of` over the node's speed. So what a
placement is worth where nodes differ comes out the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.jobs import Job, NodeReport, Result
from common.limits import NO_LIMITS, Limits
from common.seeding import generator
from common.tasks import Classification, Task
from server_app.aggregation.fedavg import FedAvg
from server_app.blobs import Blobs
from server_app.capacity import excess_of_node
from server_app.controllers.random import Random
from server_app.fidelity.base import Fidelity
from server_app.fidelity.full import Full
from server_app.journal import Journal
from server_app.objectives.accuracy import Accuracy
from server_app.pace import Basis, Pace, load_of
from server_app.placement.base import Placement
from server_app.roster import Roster
from server_app.scoring import Scoring
from server_app.spaces.listed import ListedSpace
from server_app.stages.search import Search
from server_app.weights.scratch import Scratch
from tests.support.spaces import given, with_one_recipe

TASK = Task((4,), Classification(3))
TRAIN, VALIDATION = 40, 10


@dataclass
class Machine:
    """One node.

    Parameters
    ----------
    speed : float
        MACs that it does in a second.
    word : int, optional
        What it says of that; None for four times its speed, as an honest node would.
    limits : Limits
        The most that it takes on.
    bias : float
        Added to each accuracy on its data.
    start : float
        Seconds that a message takes beside its jobs.
    """

    speed: float = 1e8
    word: int | None = None
    limits: Limits = NO_LIMITS
    bias: float = 0.0
    start: float = 0.0


@dataclass
class Clocked:
    """A search with the clock by which it runs.

    Parameters
    ----------
    machines : mapping
        The nodes, by name.
    placement : Placement
        Who trains and scores.
    trials, slots : int
        As many specs, of widths from 1 on; so many train at a time.
    """

    machines: Mapping[str, Machine]
    placement: Placement
    trials: int = 12
    slots: int = 4
    fidelity: Callable[[], Fidelity] = lambda: Full(Full.Options(max_rounds=4))
    basis: Basis = "jobs"
    deadline: float = 600.0
    folds: int = 1
    blobs: Blobs = field(default_factory=lambda: Blobs(None))
    now: float = 0.0
    events: list[dict[str, object]] = field(default_factory=list)
    asked: list[tuple[float, str, Job]] = field(default_factory=list)
    roster: Roster = field(default_factory=Roster)
    search: Search = field(init=False)

    def __post_init__(self) -> None:
        for number, (name, machine) in enumerate(self.machines.items()):
            word = int(4 * machine.speed) if machine.word is None else machine.word
            self.roster.admit(
                number,
                NodeReport(
                    name, [4], TASK.head, TRAIN, VALIDATION, 1, 512, "cpu", word, limits=machine.limits, num_test=3
                ),
            )
        journal = Journal(None, self.events.append)
        self.search = self._search(journal)

    def _search(self, journal: Journal) -> Search:
        specs = [LayeredSpec((Linear(width=width, norm="none"),)) for width in range(1, self.trials + 1)]
        space = ListedSpace(TASK, ListedSpace.Options([spec.to_dict() for spec in specs]))
        pace = Pace(self.roster, TASK, self.deadline, journal, self.basis)
        search = Search(
            seed=1,
            concurrency=self.slots,
            deadline=self.deadline,
            controller=Random(with_one_recipe(space), 1, len(specs), start=given(specs)),
            fidelity=self.fidelity(),
            placement=self.placement,
            weights=Scratch(TASK, 1, FedAvg, self.blobs),
            objectives=Accuracy(TASK.head),
            scoring=Scoring(folds=self.folds),
            journal=journal,
            excess=excess_of_node(self.roster, TASK),
            held=self.roster.held,
            pace=pace if self.placement.tells_apart else None,
        )
        search.begin(sorted(self.machines))
        return search

    def run(self, until: float = float("inf")) -> Clocked:
        """Let the search go on until it is done, or so many seconds have passed; return this."""
        busy: list[tuple[float, str, list[Job]]] = []
        while self.now < until:
            self.search.refill(sorted(self.machines))
            if self.search.done:
                break
            free = set(self.machines) - {name for _, name, _ in busy}
            for name, jobs in self.search.dispatch(free, self.now).items():
                self.asked += [(self.now, name, job) for job in jobs]
                took = self.machines[name].start + sum(self.seconds(name, job) for job in jobs)
                busy.append((self.now + took, name, jobs))
            busy.sort(key=lambda item: item[:2])
            self.now, name, jobs = busy.pop(0)
            if self.search.pace is not None:
                self.search.pace.wait(name, self.machines[name].start)
            for job in jobs:
                self.search.take(name, job, self.answer(name, job))
            self.search.settle()
        return self

    def seconds(self, name: str, job: Job) -> float:
        """Return how long a job takes a node."""
        held = TRAIN if job.work.kind == "train" else self.roster.held(name, job.work.split)
        split = "train" if job.work.kind == "train" else job.work.split
        return load_of(job.spec, TASK, job.work.training, split, held) / self.machines[name].speed

    def answer(self, name: str, job: Job) -> Result:
        """Train by adding 1; score by the width, by how easy the node's data are, and by some chance."""
        seconds = self.seconds(name, job)
        if job.work.kind == "train":
            arrays = {"weights": job.arrays["weights"] + np.float32(1)}
            return Result(job.id, "done", "", TRAIN, {"loss": 1.0}, seconds, arrays)
        chance = float(generator(7, job.trial, name).normal(0, 0.01))
        accuracy = 0.3 + job.spec.layers[0].width / 50 + self.machines[name].bias + chance
        held = self.roster.held(name, job.work.split)
        return Result(job.id, "done", "", held, {"accuracy": accuracy, "loss": 1.0}, seconds)

    def kinds(self, kind: str) -> list[dict[str, object]]:
        """Return the events of one kind."""
        return [event for event in self.events if event["event"] == kind]

    def trials_of(self, name: str, kind: str) -> list[str]:
        """Return the trials that a node was asked to train, or to score, in order."""
        return [job.trial for _, node, job in self.asked if node == name and job.work.kind == kind]
