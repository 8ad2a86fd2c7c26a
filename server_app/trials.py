"""Proposals and trials: what controllers, fidelities and the history share."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

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

    @property
    def rank(self) -> tuple[int, float]:
        """Sort key, more is better: by rung, then by score (scores of different rungs do not compare).

        A failed trial ranks last, whatever it scored before it failed.
        """
        if self.score is None or self.state is TrialState.FAILED:
            return (-1, 0.0)
        return (self.rung, self.score)

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
            "bytes_down": self.ledger.bytes_down,
            "bytes_up": self.ledger.bytes_up,
            "failure": self.failure,
        }


def ranked(trials: list[Trial]) -> list[Trial]:
    """Sort trials best first; ties go to the earlier trial."""
    return sorted(trials, key=lambda trial: (-trial.rank[0], -trial.rank[1], trial.number))
