"""PersonalPlan: a Flower strategy that has nodes make models of their own of a winner that was found before.

handshake -> one exchange: a message for each node, with the winner's weights
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from flwr.serverapp.strategy import Result

from server_app.outcome import Counts
from server_app.plan import Plan

if TYPE_CHECKING:
    from flwr.serverapp import Grid

    from common.tasks import Task
    from server_app.exchange import Exchange
    from server_app.federation import Facts
    from server_app.journal import Journal
    from server_app.roster import Roster
    from server_app.stages.personal import Personal


class PersonalPlan(Plan):
    """A plan of one stage, in which nodes make models of their own.

    Parameters
    ----------
    task : Task
        Of the run that found the winner: nothing is agreed on anew, and who does not fit it is left out.
    make_stage : callable
        Builds the stage once the nodes are known.
    facts, journal, stop
        As of `Plan`.

    Attributes
    ----------
    stage : Personal, optional
        With what was found so far.
    counts : Counts
        Messages and bytes.
    seconds : dict of str to float
        What took how long.
    """

    def __init__(
        self,
        task: Task,
        make_stage: Callable[[Roster], Personal],
        *,
        facts: Facts,
        journal: Journal,
        stop: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.counts = Counts()
        super().__init__(facts, journal, self.counts, stop)
        self._task = task
        self._make_stage = make_stage
        self.stage: Personal | None = None
        self.seconds: dict[str, float] = {}

    def _run(self, grid: Grid, exchange: Exchange) -> Result:
        began, roster, federation = time.monotonic(), self._desk.roster, self._federation
        roster.task = self._task
        least, wanted = federation.min_nodes, federation.wanted
        self._desk.handshake.gather(exchange, nodes=federation.nodes, min_nodes=least, wanted=wanted)
        self.seconds["handshake"] = time.monotonic() - began
        self.stage = self._make_stage(roster)
        self._journal.write("personal", **self.stage.facts())
        self._drive(self.stage, grid, exchange, self.seconds)
        return Result()
