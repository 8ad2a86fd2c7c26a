"""What is asked of a node, and what it answers: the content of the messages, without their form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from common.architecture.spec import ArchitectureSpec
from common.architecture.task import TaskShape
from common.limits import NO_LIMITS, Limits
from common.precision import Precision
from common.settings import DatasetSettings, TrainingSettings

Action = Literal["train", "score", "score_all", "test"]
Status = Literal["done", "failed", "refused", "unfinished"]

Weights = NDArray[np.float32]


@dataclass(frozen=True)
class Job:
    """One thing that a node does for one trial.

    Parameters
    ----------
    trial : str
        Name of the trial, unique within a message.
    action : {"train", "score", "score_all", "test"}
        Train on the training split; score on the validation split, on both (a node that never trains), or
        on the test split.
    round : int
        The trial's round, from 1; the seed of the mini-batches comes from it.
    spec : ArchitectureSpec
        What to build.
    weights : Weights
        Packed state, shape ``(size of the state,)``; the order is that of `common.architecture.layout`.
    """

    trial: str
    action: Action
    round: int
    spec: ArchitectureSpec
    weights: Weights


@dataclass(frozen=True)
class Order:
    """All that one message asks of a node.

    Parameters
    ----------
    seed : int
        The run's seed.
    budget : float
        Seconds of compute; a node begins no further job once they are spent.
    task : TaskShape
        Agreed in the handshake; a node's own labels may lack some of its classes.
    dataset, training : DatasetSettings, TrainingSettings
        On what and how.
    jobs : tuple of Job
        Done in this order.
    classes : tuple of str
        Names of the task's classes where they have names: labels are numbered by them.
    precision : {"float32", "float16"}
        In which type weights travel, in both directions.
    """

    seed: int
    budget: float
    task: TaskShape
    dataset: DatasetSettings
    training: TrainingSettings
    jobs: tuple[Job, ...]
    classes: tuple[str, ...] = ()
    precision: Precision = "float32"


@dataclass(frozen=True)
class Result:
    """What became of one job.

    Parameters
    ----------
    trial, action, round
        As in the `Job`.
    status : {"done", "failed", "refused", "unfinished"}
        ``refused``: the spec is malformed or above the node's limits, and nothing was allocated for it;
        ``unfinished``: the budget was spent before the job began.
    reason : str
        Why it failed or was refused; empty otherwise.
    num_examples : int
        Examples trained or scored on.
    metrics : dict of str to float
        ``loss`` of a training job; `common.metrics` of a scoring job.
    seconds : float
        Compute time.
    update : Weights, optional
        The packed state after training.
    """

    trial: str
    action: Action
    round: int
    status: Status
    reason: str = ""
    num_examples: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    update: Weights | None = None


@dataclass(frozen=True)
class NodeReport:
    """What a node says of itself in the handshake.

    Parameters
    ----------
    name : str
        Stable: the ``name`` of the node config, else ``partition-<id>``.
    input_shape : list of int
        One example, without the batch axis.
    num_classes, num_train, num_validation : int
        Counts; never per label. No result of this node may claim more examples.
    cores, memory_mb, device
        What the node has to compute with.
    classes : list of str
        Names of the classes in the node's data; empty where its labels are numbers.
    macs_per_second : int
        Measured speed of one thread; 0 where it was not measured.
    limits : Limits
        The most that the node takes on.
    num_test : int
        Examples of its own test split, which is counted and not opened; 0 where the server has the test set.
    """

    name: str
    input_shape: list[int]
    num_classes: int
    num_train: int
    num_validation: int
    cores: int
    memory_mb: int
    device: str
    classes: list[str] = field(default_factory=list)
    macs_per_second: int = 0
    limits: Limits = NO_LIMITS
    num_test: int = 0

    def held(self, action: Action) -> int:
        """Return on how many examples at most the node can do a job of this kind."""
        return {
            "train": self.num_train,
            "score": self.num_validation,
            "score_all": self.num_train + self.num_validation,
            "test": self.num_test,
        }[action]
