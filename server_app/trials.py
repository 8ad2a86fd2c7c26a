"""Proposals and trials: what controllers, fidelities and the history share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from server_app.comparison import over_common_nodes

if TYPE_CHECKING:
    from common.architecture.spec import ArchitectureSpec


@dataclass(frozen=True)
class Proposal:
    """One spec that a controller wants to see tried.

    Parameters
    ----------
    number : int
        Number of the trial that it becomes, from 0.
    spec : ArchitectureSpec
        Legal in the controller's space.
    origin : str
        How it came about: ``given``, ``sample``, ``mutation``, ``crossover`` ...
    parent : int, optional
        Number of the trial that it descends from.
    """

    number: int
    spec: ArchitectureSpec
    origin: str
    parent: int | None = None


class TrialState(StrEnum):
    """Where a trial stands."""

    RUNNING = "running"
    WAITING = "waiting"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of the trial."""
        return self in (TrialState.FINISHED, TrialState.STOPPED, TrialState.FAILED)


@dataclass
class Ledger:
    """What a trial has cost so far: bytes of weights on the wire, and the nodes' compute seconds."""

    bytes_down: int = 0
    bytes_up: int = 0
    node_seconds: float = 0.0


@dataclass
class Trial:
    """One spec under evaluation.

    Parameters
    ----------
    number, spec, origin, parent
        As in its `Proposal`.
    state : TrialState
        Changed by the search only.
    rung : int
        Rungs completed; 0 before the first score.
    rounds : int
        Rounds trained.
    score : float, optional
        Score at the last completed rung, finite, oriented so that more is better; None before the first,
        and for ever in a trial that failed before it.
    metrics : dict
        The panel's metrics behind `score`.
    failure : str
        Why the trial failed.
    by_node : dict
        The score of each node of the panel that gave one, and the examples behind it: trials are compared by these.
    unheard : bool
        It failed because nodes were silent, which says nothing of its spec.
    """

    number: int
    spec: ArchitectureSpec
    origin: str = "given"
    parent: int | None = None
    state: TrialState = TrialState.RUNNING
    rung: int = 0
    rounds: int = 0
    score: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    failure: str = ""
    by_node: dict[str, tuple[float, int]] = field(default_factory=dict)
    unheard: bool = False

    @property
    def ranks(self) -> bool:
        """Whether the trial has a score that counts; a failed one has none, whatever it scored before it failed."""
        return self.score is not None and self.state is not TrialState.FAILED

    @property
    def node_scores(self) -> dict[str, tuple[float, int]]:
        """`by_node`, or the score as that of a single node where it is known as a whole only."""
        assert self.score is not None
        return self.by_node or {"": (self.score, 1)}

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values for the history."""
        return {
            "number": self.number,
            "spec_id": self.spec.id,
            "spec": self.spec.to_dict(),
            "origin": self.origin,
            "parent": self.parent,
            "state": str(self.state),
            "rung": self.rung,
            "rounds": self.rounds,
            "score": self.score,
            "metrics": dict(self.metrics),
            "by_node": {name: list(pair) for name, pair in sorted(self.by_node.items())},
            "bytes_down": self.ledger.bytes_down,
            "bytes_up": self.ledger.bytes_up,
            "failure": self.failure,
        }


def comparable(trials: Sequence[Trial]) -> dict[int, float]:
    """Return by number the scores that compare, of trials of one rung; see `over_common_nodes`."""
    scores = over_common_nodes([trial.node_scores for trial in trials])
    return {trial.number: score for trial, score in zip(trials, scores, strict=True)}


def ranked(trials: Sequence[Trial]) -> list[Trial]:
    """Sort trials best first: by rung (scores of different rungs do not compare), then by comparable score.

    Ties go to the earlier trial; those without a score that counts come last.
    """
    standing: dict[int, tuple[int, float]] = {}
    for rung in {trial.rung for trial in trials if trial.ranks}:
        scores = comparable([trial for trial in trials if trial.ranks and trial.rung == rung])
        standing |= {number: (rung, score) for number, score in scores.items()}
    last = (-1, 0.0)
    return sorted(trials, key=lambda t: (*(-part for part in standing.get(t.number, last)), t.number))
