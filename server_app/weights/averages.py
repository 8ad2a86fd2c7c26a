"""The mean over a trial's last rounds, for the trials whose recipe asks for it.

P. Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", UAI 2018, between the rounds of
a federation as in D. Caldarola et al., "Improving Generalization in Federated Learning by Seeking Flat Minima", ECCV
2022. Here it is over a window of the last rounds, with one weight for all, and what norms count in training (their
running means and variances) is averaged too, instead of being counted anew for the mean: that would take one more
exchange with the nodes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from common.jobs import Arrays
    from server_app.blobs import Blobs
    from server_app.trials import Trial


@dataclass
class _Kept:
    """What a round came to: arrays, the key of those that are stored, or both."""

    arrays: Arrays | None
    key: Any = None


class Averages:
    """What the rounds before a trial's last one came to.

    Parameters
    ----------
    blobs : Blobs
        Where they are stored.
    """

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._earlier: dict[int, list[_Kept]] = {}
        self._means: dict[int, Arrays] = {}

    def fold(self, trial: Trial, before: Arrays, key: Any = None) -> None:
        """Take note of the end of a round.

        Parameters
        ----------
        trial : Trial
            Its recipe says over how many rounds.
        before : Arrays
            What the round started from.
        key : JSON, optional
            What `Blobs` knows it by, where it is stored.
        """
        number, most = trial.number, trial.recipe.average - 1
        if most < 1:
            return
        self._means.pop(number, None)
        if number not in self._earlier:
            self._earlier[number] = []  # before the first round is no round
            return
        self._earlier[number].append(_Kept(before, key))
        del self._earlier[number][:-most]

    def mean(self, number: int, last: Arrays) -> Arrays:
        """Return the mean of a trial's last rounds, the same mapping until the next one ends.

        Parameters
        ----------
        number : int
            Of the trial.
        last : Arrays
            What its last round came to; returned as it is where there is nothing to average it with.
        """
        if not self._earlier.get(number):
            return last
        if number not in self._means:
            self._means[number] = _mean([*map(self._read, self._earlier[number]), last])
        return self._means[number]

    def rest(self, number: int) -> None:
        """Store what a trial has, and keep the keys."""
        self._store(number)
        for kept in self._earlier.get(number, ()):
            kept.arrays = None
        self._means.pop(number, None)

    def forget(self, number: int) -> None:
        """Forget the rounds of a trial."""
        self._earlier.pop(number, None)
        self._means.pop(number, None)

    def retain(self, numbers: Collection[int]) -> None:
        """Forget all trials but these."""
        for table in (self._earlier, self._means):
            for number in table.keys() - set(numbers):
                del table[number]

    def state_dict(self) -> list[Any]:
        """Return the keys of the rounds of each trial, as JSON."""
        for number in self._earlier:
            self._store(number)
        return [[number, [kept.key for kept in rounds]] for number, rounds in sorted(self._earlier.items())]

    def load_state_dict(self, state: list[Any]) -> None:
        """Take the keys back; arrays are read when they are wanted."""
        self._earlier = {number: [_Kept(None, key) for key in keys] for number, keys in state}
        self._means = {}

    def _store(self, number: int) -> None:
        for kept in self._earlier.get(number, ()):
            if kept.key is None:
                assert kept.arrays is not None
                kept.key = self._blobs.put_state(dict(kept.arrays))

    def _read(self, kept: _Kept) -> Arrays:
        arrays: Arrays = self._blobs.get_state(kept.key) if kept.arrays is None else kept.arrays
        return arrays


def _mean(rounds: Sequence[Arrays]) -> Arrays:
    """Return the mean, added up in double precision."""
    means = {}
    for name, first in rounds[0].items():
        total = np.zeros(first.shape, np.float64)
        for arrays in rounds:
            total += arrays[name]
        means[name] = (total / len(rounds)).astype(np.float32)
    return means
