"""Hyperband: successive halving in brackets that begin at different rungs.

L. Li, K. Jamieson, G. DeSalvo, A. Rostamizadeh and A. Talwalkar, "Hyperband: A Novel Bandit-Based Approach to
Hyperparameter Optimization", JMLR 18 (185), 2018, algorithm 1. How much a short training says of a long one is not
known beforehand, so many trials begin with little training, fewer with more, and a few train all rounds at once. With
`s` rungs above its first one, of `s_max` at most, a bracket has

    n = ceil((s_max + 1) / (s + 1) * eta^s)

trials, which costs about as much as any other bracket. Table 1 of the paper rounds a factor of that down before it
multiplies, and has fewer trials in some brackets; we go by the algorithm.

Where we depart: the first rung has the optimizer steps that make scores worth comparing, so there are fewer brackets
where data are few; and what `server_app.fidelity.halving` says.
"""

from __future__ import annotations

from server_app.fidelity.bracket import Bracket
from server_app.fidelity.halving import Halving


class Hyperband(Halving):
    """Brackets of all first rungs in turn, the lowest first, and again from there."""

    def _bracket(self, index: int) -> Bracket:
        rung = index % len(self._rungs)
        return Bracket(bracket_size(len(self._rungs) - 1, len(self._rungs) - 1 - rung, self.options.eta), rung)


def bracket_size(most: int, above: int, eta: int) -> int:
    """Return the trials of a bracket: ``ceil((most + 1) / (above + 1) * eta**above)``.

    Parameters
    ----------
    most : int
        s_max of the paper: rungs above the lowest one.
    above : int
        s of the paper: rungs above the bracket's first one.
    eta : int
        Reduction factor.
    """
    size: int = -(-(most + 1) * eta**above // (above + 1))
    return size
