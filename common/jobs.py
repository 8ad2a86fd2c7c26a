"""What is asked of a node, and what it answers: the content of the messages, without their form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from common.architecture.spec import ArchitectureSpec
from common.limits import NO_LIMITS, Limits
from common.precision import Precision
from common.preprocessing.base import Sums
from common.preprocessing.schema import Schema
from common.settings import BilevelSettings, DatasetSettings, PersonalSettings, TrainingSettings
from common.tasks import Head, Task

WorkKind = Literal["train", "score", "proxy", "bilevel", "personal"]
Split = Literal["train", "validation", "all", "test"]
"""Of a node's data; ``all`` is training and validation examples together, for a node that never trains."""
Status = Literal["done", "failed", "refused", "unfinished"]

Weights = NDArray[np.float32]
Arrays = Mapping[str, Weights]
"""Packed arrays by what they are: ``weights`` in the order of `common.architecture.layout`, others beside them."""

NO_ARRAYS: Arrays = MappingProxyType({})
"""Of a job that starts from nothing."""


@dataclass(frozen=True)
class Work:
    """What is to be done with a model.

    Parameters
    ----------
    kind : {"train", "score", "proxy", "bilevel", "personal"}
        Training gives arrays and a loss; scoring gives the metrics of the task's head. A proxy job trains nothing: it
        gives the scores `common.models.proxies.OF_NETWORK` of the spec's initial network, on one mini-batch of the
        recipe's size. A bilevel job trains a mixed spec and its architecture weights, each on examples of its own. A
        personal job makes models of the node's own of the weights, compares them, and keeps one; metrics come back.
    split : {"train", "validation", "all", "test"}
        On which of the node's examples.
    round : int
        The trial's round, from 1; the seed of the mini-batches comes from it. 0 of a proxy job, before any.
    training : TrainingSettings
        How to train: the trial's recipe. It belongs to the trial, so it is there in a score too.
    rounds : int
        Rounds in all that the trial trains if it goes all the way; a schedule of the learning rate goes by it.
    calibration : int
        Batches of training examples by which the statistics of batch norm are counted anew before a score; 0 leaves
        them as they came.
    teacher : str
        Name of a trial from whose outputs, as its weights came in the same message, the model learns too; empty for
        none. Where the message does not hold it, the model learns from its labels alone.
    bilevel : BilevelSettings, optional
        Of a bilevel job, which has them, and of no other.
    threshold : float, optional
        Of a score, as of `Head.metrics`; a test has one.
    bootstrap : int
        Of a score, how often examples are drawn for its standard error; 0: it is not asked for.
    personal : PersonalSettings, optional
        Of a personal job likewise.
    """

    kind: WorkKind
    split: Split
    round: int
    training: TrainingSettings = field(default_factory=TrainingSettings)
    rounds: int = 1
    calibration: int = 0
    teacher: str = ""
    bilevel: BilevelSettings | None = None
    threshold: float | None = None
    bootstrap: int = 0
    personal: PersonalSettings | None = None


@dataclass(frozen=True)
class Job:
    """One thing that a node does for one trial.

    Parameters
    ----------
    id : str
        Unique within a message; several jobs of one trial may share it.
    trial : str
        Name of the trial.
    spec : ArchitectureSpec
        What to build.
    arrays : Arrays
        What it starts from; ``weights`` at least, but for a proxy job, which has none: the node draws them. A bilevel
        job has the architecture weights, ``alphas``, beside them.
    work : Work
        What to do.
    """

    id: str
    trial: str
    spec: ArchitectureSpec
    arrays: Arrays
    work: Work


@dataclass(frozen=True)
class Order:
    """All that one message asks of a node.

    Parameters
    ----------
    seed : int
        The run's seed.
    budget : float
        Seconds of compute; a node begins no further job once they are spent.
    task : Task
        Agreed in the handshake; a node's own labels may lack some of its classes.
    dataset : DatasetSettings
        On what.
    jobs : tuple of Job
        Done in this order.
    precision : {"float32", "float16"}
        In which type arrays travel, in both directions.
    min_examples : int
        A node scores by proxies on a mini-batch of so many examples at least.
    """

    seed: int
    budget: float
    task: Task
    dataset: DatasetSettings
    jobs: tuple[Job, ...]
    precision: Precision = "float32"
    min_examples: int = 10


@dataclass(frozen=True)
class Result:
    """What became of one job.

    Parameters
    ----------
    job : str
        Id of the `Job`.
    status : {"done", "failed", "refused", "unfinished"}
        ``refused``: the spec is malformed or above the node's limits, and nothing was allocated for it;
        ``unfinished``: the budget was spent before the job began.
    reason : str
        Why it failed or was refused, which scores a proxy job left out and why, or what a personal job lacks; empty
        otherwise.
    num_examples : int
        Examples trained or scored on.
    metrics : mapping of str to float
        ``loss`` of a training job; the head's metrics of a scoring job; the scores of a proxy job, by name; ``loss`` of
        a bilevel job, and where it stepped architecture weights ``architecture_loss``, on the examples that are theirs;
        of a personal job what `common.personal.Verdict` says.
    seconds : float
        Compute time.
    arrays : Arrays
        What training made of the job's arrays, by the same names; empty otherwise, and of a personal job always.
    """

    job: str
    status: Status
    reason: str = ""
    num_examples: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    arrays: Arrays = field(default_factory=dict)


@dataclass(frozen=True)
class NodeReport:
    """What a node says of itself in the handshake.

    Parameters
    ----------
    name : str
        Stable: the ``name`` of the node config, else ``partition-<id>``.
    input_shape : list of int
        One example, without the batch axis.
    head : Head
        The node's own: what its data hold, before anything is agreed on.
    num_train, num_validation : int
        Counts. No result of this node may claim more examples.
    cores, memory_mb, device
        What the node has to compute with.
    macs_per_second : int
        Measured speed of one thread; 0 where it was not measured.
    limits : Limits
        The most that the node takes on.
    num_test : int
        Examples of its own test split, which is counted and not opened; 0 where the server has the test set.
    sums : mapping of str to Sums
        By statistic, over its training examples; what was not asked, or has too few examples behind it, is not there.
    counts : list of int
        Training examples of each class that its own head has, rounded down, see `Head.counts`; empty as `sums`.
    schema : Schema, optional
        What the columns of its table were declared to be.
    """

    name: str
    input_shape: list[int]
    head: Head
    num_train: int
    num_validation: int
    cores: int
    memory_mb: int
    device: str
    macs_per_second: int = 0
    limits: Limits = NO_LIMITS
    num_test: int = 0
    sums: Mapping[str, Sums] = field(default_factory=dict)
    counts: list[int] = field(default_factory=list)
    schema: Schema | None = None

    def held(self, split: Split) -> int:
        """Return how many examples of this split the node has."""
        return {
            "train": self.num_train,
            "validation": self.num_validation,
            "all": self.num_train + self.num_validation,
            "test": self.num_test,
        }[split]
