"""How many trials a node could hold before another one: by that count slow nodes have their turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server_app.assignment import Excess
    from server_app.trials import Trial


class HeldBefore:
    """Counts the trials that a node can hold. Each is looked at once for a node, and nothing of it need be saved.

    Parameters
    ----------
    excess : callable
        Says why a node cannot hold a trial.
    trials : callable
        Returns all trials so far, by number.
    """

    def __init__(self, excess: Excess, trials: Callable[[], Sequence[Trial]]) -> None:
        self._excess = excess
        self._trials = trials
        self._counts: dict[str, list[int]] = {}

    def __call__(self, node: str, number: int) -> int:
        """Return how many of the trials before that of this number a node can hold."""
        counts = self._counts.setdefault(node, [0])
        for trial in self._trials()[len(counts) - 1 : number]:
            counts.append(counts[-1] + (not self._excess(node, trial)))
        return counts[number]
