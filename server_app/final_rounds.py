"""How long the final training is where nobody says: so many optimizer steps, since networks learn by these.

Of a budget it has what the search leaves, and the search leaves it half: `server_app.allowance`.

The default of 400 comes from generated images: the best of a portfolio came to an accuracy of 0.758 after 50 steps,
0.878 after 100, 0.940 after 200, 0.971 after 400 and 0.977 after 800 (tests/benchmarks/final_length.py --seeds 1
--sizes 640).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from common.groups import FinalConfig

LEAST, MOST = 25, 50
"""Rounds, whatever their steps: averaging needs some, and in a deployment a round costs seconds however short it is.

Under label skew it is rounds that count: over eight nodes of Dirichlet 0.3 the best of a portfolio came to an accuracy
of 0.752 after 10 rounds of 20 steps, 0.903 after 25 and 0.941 after 50 (--steps 200 500 1000 --alpha 0.3 --nodes 8).
"""


def with_rounds(final: FinalConfig, steps_per_round: float | None) -> FinalConfig:
    """Return the configuration with its rounds: as given, or as many as ``min_steps`` take, from `LEAST` to `MOST`.

    Parameters
    ----------
    final : FinalConfig
        As configured.
    steps_per_round : float, optional
        Optimizer steps of the average node; None where no node said what it has, which makes `LEAST` rounds.

    Examples
    --------
    >>> from common.groups import FinalConfig
    >>> final = FinalConfig(rounds=None, min_steps=100, finalists=3, seeds=3, baseline="portfolio")
    >>> [with_rounds(final, steps).rounds for steps in (1, 3, 8, 20, None)]
    [50, 34, 25, 25, 25]
    """
    if final.rounds is not None:
        return final
    rounds = math.ceil(final.min_steps / (steps_per_round or math.inf))
    return replace(final, rounds=min(MOST, max(LEAST, rounds)))


def checkpoints(rounds: int, count: int) -> tuple[int, ...]:
    """Return after which rounds a run is scored: in the end, and before that after half as many each time.

    Overfitting shows on a logarithmic scale of training, so each score is of twice the one before.

    Parameters
    ----------
    rounds : int
        Of the whole run, 1 or more.
    count : int
        How many scores there are, at most.

    Examples
    --------
    >>> checkpoints(50, 4), checkpoints(3, 4), checkpoints(50, 1)
    ((7, 13, 25, 50), (1, 2, 3), (50,))
    """
    return tuple(sorted({math.ceil(rounds / 2**halvings) for halvings in range(count)}))


def least_rounds(final: FinalConfig) -> int:
    """Return the rounds below which no budget shortens the final training: as given, or `LEAST`."""
    return LEAST if final.rounds is None else final.rounds
