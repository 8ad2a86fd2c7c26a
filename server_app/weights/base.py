"""The contract of the weights axis: who owns weights, lends them to a round, and takes back what became of them.

    lend      what a trial's next job starts from, or scores: perhaps a mean over its last rounds
    open      a round that begins with it: updates are folded into the aggregation
    fold      the round's result becomes the trial's weights
    close     all rounds of a turn have ended: what is shared between trials is merged once
    rest      the trial waits: what waits is on disk, not in memory
    adopt     weights that were trained elsewhere, or before, become the trial's, which trains no further
    retain    the trials whose weights may still be wanted; all others go
    heritage  what a trial took over from another one when it began

A stage never keeps weights of its own. `Blobs` is where they are stored, each array once under the hash of its content.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

if TYPE_CHECKING:
    from common.jobs import Arrays, Weights, WorkKind
    from common.tasks import Task
    from server_app.aggregation.base import Aggregation
    from server_app.blobs import Blobs
    from server_app.trials import Trial


class Heritage(NamedTuple):
    """What a trial took over when it began.

    Parameters
    ----------
    parent : int
        Number of the trial whose weights they were.
    preserved : bool
        Whether its network computed the same then.
    """

    parent: int
    preserved: bool


class WeightStore(ABC):
    """Owns the weights of all trials of a stage.

    Parameters
    ----------
    task : Task
        What the models are for.
    seed : int
        The stage's seed.
    make_aggregation : callable
        Makes the rule that combines the updates of one trial.
    blobs : Blobs
        Where arrays are stored.
    options : Options
        What only this choice knows.

    Attributes
    ----------
    minimum : int
        Updates that a round needs.
    """

    inherits: bool = False
    """Whether a trial starts from its parent's weights, which must be retained until then."""

    shares: bool = False
    """Whether trials train the same weights, so that a score is of what all of them came to."""

    @dataclass(frozen=True)
    class Options:
        """No options."""

    def __init__(
        self,
        task: Task,
        seed: int,
        make_aggregation: Callable[[], Aggregation],
        blobs: Blobs,
        options: Any = None,
    ) -> None:
        self.task = task
        self.seed = seed
        self.make_aggregation = make_aggregation
        self.blobs = blobs
        self.options: Any = self.Options() if options is None else options
        self.minimum = make_aggregation().minimum

    def another(self) -> Self:
        """Return an empty store like this one, which begins with the same weights and shares none with it."""
        return type(self)(self.task, self.seed, self.make_aggregation, self.blobs, self.options)

    @abstractmethod
    def lend(self, trial: Trial, kind: WorkKind = "train") -> Arrays:
        """Return what the trial's next job starts from; the caller must not write into it.

        It is the same mapping until it changes, and one for both kinds of work where they start from the same: what has
        one identity travels once.

        Parameters
        ----------
        trial : Trial
            Whose weights.
        kind : {"train", "score"}
            What is going to be done. A score is of the mean over the trial's last `TrainingSettings.average` rounds, or
            over all where there were fewer, while training goes on from the last one alone.
        """

    @abstractmethod
    def open(self, trial: Trial) -> Aggregation:
        """Return an aggregation whose round has begun with what is lent."""

    @abstractmethod
    def fold(self, trial: Trial) -> None:
        """Make the result of the trial's open round its weights; raises `SearchError` where there is none."""

    def close(self, turn: int) -> None:  # noqa: B027, a hook
        """Merge what the trials of a turn share, once all their rounds have ended."""

    @abstractmethod
    def rest(self, trial: Trial) -> None:
        """Let a trial wait: nothing of it stays in memory that can be on disk."""

    @abstractmethod
    def adopt(self, trial: Trial, weights: Weights) -> None:
        """Make weights that were trained elsewhere, or before, those of a trial, which trains no further.

        Parameters
        ----------
        trial : Trial
            Whose they are from now on.
        weights : Weights
            As another store returned them from `weights`: they are scored as they are.
        """

    @abstractmethod
    def retain(self, numbers: Collection[int]) -> None:
        """Forget the weights of all trials but these."""

    def heritage(self, trial: Trial) -> Heritage | None:  # noqa: ARG002
        """Return, once and after it was opened, what a trial took over from its parent; None where that is nothing."""
        return None

    @abstractmethod
    def weights(self, number: int) -> Weights | None:
        """Return the packed weights of a trial as it is scored; None where they were never lent, or were forgotten."""

    def network(self) -> Mapping[str, Weights] | None:
        """Return the weights that all trials share, by name; None where they share none."""
        return None

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Return all state between rounds as JSON; `blobs` has the arrays that it names."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""


def joined(arrays: Arrays) -> Weights:
    """Return the arrays one after the other, in the order of their names: an aggregation sees one vector."""
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    return np.concatenate([arrays[name] for name in sorted(arrays)])


def parted(vector: Weights, like: Arrays) -> dict[str, Weights]:
    """Return what `joined` made one, with the names and sizes of `like`."""
    parts, start = {}, 0
    for name in sorted(like):
        parts[name] = vector[start : start + like[name].size]
        start += like[name].size
    return parts
