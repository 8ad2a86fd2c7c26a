"""Trials of elsewhere, as they were read: what was tried, and what it was worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from common.architecture.spec import ArchitectureSpec
from common.tasks import Task


@dataclass(frozen=True)
class Taken:
    """A score as it was taken.

    Parameters
    ----------
    rounds : int, optional
        After so many; None where nobody says so.
    metrics : mapping of str to float
        The panel's table; empty where a score is all that is known.
    score : float, optional
        Of what has no table; more is better.
    """

    rounds: int | None
    metrics: Mapping[str, float] = field(default_factory=dict)
    score: float | None = None


@dataclass(frozen=True)
class Known:
    """A trial of elsewhere that has a score.

    Parameters
    ----------
    spec : ArchitectureSpec
        Its architecture.
    settings : mapping
        Its training settings, as JSON, as far as they are told.
    scores : tuple of Taken
        In the order in which they were taken; one at least.
    """

    spec: ArchitectureSpec
    settings: Mapping[str, Any]
    scores: tuple[Taken, ...]


@dataclass(frozen=True)
class Source:
    """What one run or file tells.

    Parameters
    ----------
    name : str
        As it was named.
    known : list of Known
        Its trials that have a score, in its order.
    task : Task, optional
        What they are for; None where nobody says so.
    shares : bool
        Whether scores are of weights that all its trials share.
    """

    name: str
    known: list[Known]
    task: Task | None = None
    shares: bool = False
