"""OneStagePlan: a Flower strategy of one stage.

handshake -> the exchanges of the stage
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Generic, TypeVar

from flwr.serverapp.strategy import Result

from server_app.outcome import Counts
from server_app.plan import Plan
from server_app.stages.base import Stage

if TYPE_CHECKING:
    from flwr.serverapp import Grid

    from common.limits import Limits
    from server_app.exchange import Exchange
    from server_app.federation import Facts
    from server_app.journal import Journal

S = TypeVar("S", bound=Stage)


class OneStagePlan(Plan, Generic[S]):
    """Base of a plan of one stage, which a subclass makes once the nodes are known.

    Parameters
    ----------
    facts, journal, stop
        As of `Plan`.

    Attributes
    ----------
    stage : Stage, optional
        With what was found so far.
    counts : Counts
        Messages and bytes.
    seconds : dict of str to float
        What took how long.
    """

    def __init__(self, facts: Facts, journal: Journal, stop: Callable[[], str | None]) -> None:
        self.counts = Counts()
        super().__init__(facts, journal, self.counts, stop)
        self.stage: S | None = None
        self.seconds: dict[str, float] = {}

    @abstractmethod
    def _made(self, limits: Mapping[str, Limits]) -> S:
        """Return the stage for the nodes that the roster has, with their limits by name."""

    def _run(self, grid: Grid, exchange: Exchange) -> Result:
        began = time.monotonic()
        limits = self._meet(exchange)
        self.seconds["handshake"] = time.monotonic() - began
        self.stage = self._made(limits)
        self._drive(self.stage, grid, exchange, self.seconds)
        return Result()
