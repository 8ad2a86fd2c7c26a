"""What a run has found and cost so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from common.architecture.task import TaskShape
from common.limits import NO_LIMITS, Limits
from server_app.stages.search import Search


@dataclass
class Counts:
    """What the run has cost so far; bytes are those of the weights."""

    exchanges: int = 0
    messages: int = 0
    bytes_down: int = 0
    bytes_up: int = 0


@dataclass
class Outcome:
    """All that a run found so far.

    Parameters
    ----------
    task : TaskShape
        Agreed in the handshake.
    nodes : list of str
        Who was admitted.
    search : Search
        The search; `search.ranking` is its history.
    final : Search, optional
        The final training: its trial 0 is the winner, trial 1 the baseline, their metrics are of the
        test split.
    counts : Counts
        Messages and bytes.
    seconds : dict of str to float
        ``handshake``, ``search`` and ``final``.
    classes : tuple of str
        Names of the task's classes; empty where they are numbers.
    limits : Limits
        The tightest of those admitted at the start: every proposal keeps them.
    """

    task: TaskShape
    nodes: list[str]
    search: Search
    counts: Counts
    final: Search | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    limits: Limits = NO_LIMITS
