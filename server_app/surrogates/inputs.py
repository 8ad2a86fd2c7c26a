"""Trials as vectors: what the space says of them, and what they cost.

Parameters and MACs of a network are known without any node, and are as good a score of untrained networks as most (A.
Krishnakumar et al., "NAS-Bench-Suite-Zero", NeurIPS 2022, where both are among the best on many tasks). So a
surrogate that sees them learns from a few trials whether dear networks are the better ones here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from server_app.surrogates.gp import ROUNDING

if TYPE_CHECKING:
    from server_app.spaces.trial_space import TrialSpace
    from server_app.surrogates.gp import Array
    from server_app.trials import Identity

COSTS = 2
_SHARE = 0.3
"""Variance of both costs together, where that of the encoding is 1: a hint. On eight tables of
tests/benchmarks/synthetic_tables.py it raised Spearman's rho of what is foreseen from 0.67 to 0.70 after 15 trials, and
from 0.80 to 0.81 after 30, and did nothing after 60; with 1 in its place it was the same."""
_REMEMBERED = 20_000


class Inputs:
    """Encodes what may be tried, each once.

    Parameters
    ----------
    space : TrialSpace
        What may be tried.
    costs : bool
        Whether costs are among the inputs.
    """

    def __init__(self, space: TrialSpace, costs: bool) -> None:
        self._space, self._costs = space, costs
        self._row = lru_cache(_REMEMBERED)(self._encoded)

    def rows(self, identities: Sequence[Identity]) -> Array:
        """Return the encodings, and then, where they are asked for, the logarithms of parameters and MACs."""
        return np.stack([self._row(identity) for identity in identities])

    def units(self, rows: Array) -> Array:
        """Return by what to multiply columns, so that variances over `rows` sum to 1, and those of costs to 0.3."""
        spread = rows.std(axis=0)
        costs = COSTS if self._costs else 0
        encoding, rest = spread[: len(spread) - costs], spread[len(spread) - costs :]
        total = float(np.sqrt(np.square(encoding).sum()))
        own = np.full(len(encoding), 1 / (total if total > ROUNDING else 1.0))
        return np.concatenate([own, np.sqrt(_SHARE / COSTS) / np.where(rest > ROUNDING, rest, 1.0)])

    def _encoded(self, identity: Identity) -> Array:
        encoding = self._space.encode(identity)
        if not self._costs:
            return encoding
        cost = self._space.cost(identity[0])
        return np.concatenate([encoding, np.log1p([cost.parameters, cost.macs])])
