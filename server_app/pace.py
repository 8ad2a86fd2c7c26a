"""How long a job is going to take a node: what the job is, over how fast the node is, and what a message takes.

What decides a search must not depend on a clock where the search is to be the same when it is repeated, or gone on
with. So there are three bases, and the configuration says which one holds:

    equal    federation=simulation, order=rounds: the nodes share one machine, so all are taken to be equally fast, and
             what tells them apart is what they hold: their limits, and their examples
    word     a deployment with order=rounds: what each node said of its speed when it first came; the state of the run
             keeps it, so a resumed run decides as an uninterrupted one would
    jobs     order=arrival, where the order of replies decides anyhow: their word at first, then what their jobs and
             messages took
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from common.architecture.cost import cost_of
from common.architecture.memory import SCORING_BATCH
from server_app.registry import load_choice
from server_app.speeds import NOMINAL

if TYPE_CHECKING:
    from common.architecture.spec import ArchitectureSpec
    from common.config import Config
    from common.jobs import Job, Result, Split
    from common.settings import TrainingSettings
    from common.tasks import Task
    from server_app.journal import Journal
    from server_app.roster import Roster
    from server_app.trials import Trial

Basis = Literal["equal", "word", "jobs"]

SAFETY = 2.0
"""How many times shorter than a deadline a job must be foreseen: a node may have others, and what is foreseen errs."""
_WAYS = 3
"""Passes of training in those of scoring: the way back takes about twice the way forward."""
_SHORTEST = 1e-4
"""Seconds of a job: one that claims to be shorter is a lie, or is nothing to learn from."""
_CALL = 2**17
"""Multiply-accumulates in the time that it takes to call one operation, some 30 microseconds; most of what small
networks take."""


class Pace:
    """Foresees how long jobs take, and learns it from what they took.

    Parameters
    ----------
    roster : Roster
        The nodes, with what is known of their speeds.
    task : Task
        What the specs are for.
    deadline : float
        Seconds that a node has.
    journal : Journal
        Where a node is told of that said something else of its speed than is true.
    basis : {"equal", "word", "jobs"}
        What speeds go by.
    """

    def __init__(self, roster: Roster, task: Task, deadline: float, journal: Journal, basis: Basis) -> None:
        self._roster = roster
        self._task = task
        self._journal = journal
        self._basis = basis
        self.deadline = math.inf if basis == "equal" else deadline / SAFETY

    def seconds(self, node: str, trial: Trial, split: Split) -> float:
        """Return how long a node is going to train a trial in a round, or to score it on another split than ``train``.

        With what a message takes beside; 0 of a node that did not say what it has.
        """
        speeds, held = self._roster.speeds, self._roster.held(node, split)
        size = load_of(trial.spec, self._task, trial.recipe, split, held)
        if self._basis == "equal" or not size:
            return size / NOMINAL
        return size / speeds.of(node) + speeds.delay_of(node)

    def in_time(self, node: str, trial: Trial) -> bool:
        """Tell whether a node is going to finish a round of a trial, the longest of its jobs."""
        return self.seconds(node, trial, "train") <= self.deadline

    def wait(self, node: str, seconds: float) -> None:
        """Take note of what a message took beside its jobs, by the server's clock."""
        if self._basis == "jobs":
            self._roster.speeds.wait(node, seconds)

    def learn(self, node: str, job: Job, result: Result) -> None:
        """Take note of how long a job took, also one that came too late."""
        if self._basis != "jobs" or result.status != "done" or result.seconds < _SHORTEST:
            return
        if job.work.kind in ("proxy", "personal"):  # many passes of other sizes
            return
        split: Split = "train" if job.work.kind in ("train", "bilevel") else job.work.split
        examples = min(result.num_examples, self._roster.held(node, split))
        size = load_of(job.spec, self._task, job.work.training, split, examples)
        found = self._roster.speeds.learn(node, size / result.seconds) if size else None
        if found is not None:
            self._journal.write("speed", node=found.node, said=found.said, true=round(found.true))


def load_of(spec: ArchitectureSpec, task: Task, recipe: TrainingSettings, split: Split, examples: int) -> int:
    """Return what a job has to compute, in multiply-accumulates.

    Parameters
    ----------
    spec, task, recipe : ArchitectureSpec, Task, TrainingSettings
        What is computed.
    split : str
        ``train`` for a round of training; else it is scored.
    examples : int
        That go through the network in an epoch, or once.

    Examples
    --------
    A classifier of 4 features has 2 operations and, for 3 classes, 12 multiply-accumulates for one example. A score of
    100 examples calls both once:

    >>> from common.architecture.kinds.layered import LayeredSpec
    >>> from common.settings import TrainingSettings
    >>> from common.tasks import Classification, Task
    >>> spec, task = LayeredSpec(), Task((4,), Classification(3))
    >>> operations = len(spec.lower(task).nodes)
    >>> load_of(spec, task, TrainingSettings(), "validation", 100) == 100 * 12 + operations * 2**17
    True

    An epoch of training in mini-batches of 32 calls them four times, and takes three times as long:

    >>> recipe = TrainingSettings(batch_size=32, epochs=1)
    >>> load_of(spec, task, recipe, "train", 100) == 3 * (100 * 12 + 4 * operations * 2**17)
    True
    """
    macs, operations = _macs_and_operations(spec, task)
    batch, passes = (recipe.batch_size, _WAYS * recipe.epochs) if split == "train" else (SCORING_BATCH, 1)
    calls = operations * -(-examples // batch)
    return passes * (macs * examples + calls * _CALL)


@lru_cache(maxsize=1024)  # asked for each node
def _macs_and_operations(spec: ArchitectureSpec, task: Task) -> tuple[int, int]:
    graph = spec.lower(task)
    return cost_of(graph).macs, len(graph.nodes)


def pace_of(config: Config, task: Task, roster: Roster, journal: Journal) -> Pace | None:
    """Return what foresees how long jobs take in a run; None where its placement does not tell nodes apart."""
    placement: Any = load_choice("placement", config.placement["name"])
    if not placement.tells_apart:
        return None
    federation = config.federation
    basis: Basis = "jobs" if federation.order == "arrival" else "equal" if federation.name == "simulation" else "word"
    return Pace(roster, task, federation.deadline, journal, basis)
