"""What changes from round to round of a bilevel search: whether it steps the architecture, how sharply, on which level.

First weights alone are stepped, since options without weights do best as long as the others have learnt nothing: so do
X. Chen et al., "P-DARTS", ICCV 2019, and Y. Xu et al., "PC-DARTS", ICLR 2020. Then the temperature falls from round to
round by one factor, as in SNAS (S. Xie et al., ICLR 2019), and levels follow each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.settings import BilevelSettings

if TYPE_CHECKING:
    from server_app.controllers.darts import Darts

_TOLD = ("order", "blend", "learning_rate", "weight_decay", "fraction", "mixing")
"""Options that a node is told as they are."""


@dataclass(frozen=True)
class Schedule:
    """What each round does.

    Parameters
    ----------
    options : Darts.Options
        Of the search.
    """

    options: Darts.Options

    @property
    def first(self) -> int:
        """The first round that steps the architecture."""
        return self.options.warm_up + 1

    def temperature(self, number: int) -> float:
        """Return the temperature of a round; before the first one that has any, that of this one."""
        options = self.options
        step, steps = max(number - options.warm_up, 1), options.rounds - options.warm_up
        return temperature_in(step, steps, options.temperature, options.last_temperature)

    def settings(self, number: int) -> BilevelSettings:
        """Return what a node is told of the architecture's steps in a round."""
        told = {name: getattr(self.options, name) for name in _TOLD}
        return BilevelSettings(**told, temperature=self.temperature(number), steps_alphas=number >= self.first)

    def level_end(self, rounds: int) -> int:
        """Return after which round the level ends that has the one after so many."""
        ends = level_ends(self.options.rounds, self.options.warm_up, self.options.levels)
        return next(end for end in ends if end > rounds)


def temperature_in(step: int, steps: int, first: float, last: float) -> float:
    """Return the temperature of one of the rounds in which architecture weights are stepped.

    Parameters
    ----------
    step : int
        Which, from 1.
    steps : int
        How many there are.
    first, last : float
        Temperatures of the first and of the last one.

    Examples
    --------
    >>> [temperature_in(step, 3, 4.0, 1.0) for step in (1, 2, 3)]
    [4.0, 2.0, 1.0]
    """
    part = (step - 1) / (steps - 1) if steps > 1 else 0.0
    return float(first * (last / first) ** part)


def level_ends(rounds: int, warm_up: int, levels: int) -> tuple[int, ...]:
    """Return after which round each level ends: equal parts of the rounds that step architecture weights.

    Parameters
    ----------
    rounds : int
        In all.
    warm_up : int
        Of these, the first that step weights only.
    levels : int
        At most as many as there are rounds after the warm-up.

    Examples
    --------
    >>> level_ends(20, 5, 3)
    (10, 15, 20)
    """
    return tuple(warm_up + -(-(rounds - warm_up) * level // levels) for level in range(1, levels + 1))
