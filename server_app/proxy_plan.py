"""ProxyPlan: a Flower strategy that has specs scored without training.

handshake -> one exchange: a message for each node, with all specs
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from flwr.serverapp.strategy import Result

from server_app.outcome import Counts
from server_app.plan import Plan

if TYPE_CHECKING:
    from flwr.serverapp import Grid

    from common.limits import Limits
    from common.tasks import Task
    from server_app.exchange import Exchange
    from server_app.federation import Facts
    from server_app.journal import Journal
    from server_app.roster import Roster
    from server_app.stages.base import Stage
    from server_app.stages.proxies import Proxies
    from server_app.waits import Waits

StageMaker = Callable[["Task", Mapping[str, "Limits"], "Roster"], "Proxies"]


class ProxyPlan(Plan):
    """A plan of one stage, which scores specs without training.

    Parameters
    ----------
    make_stage : callable
        Builds the stage once the handshake has told the task and the nodes with their limits.
    wanted : int
        Specs that were asked for; there may be fewer.
    facts, journal, stop
        As of `Plan`.

    Attributes
    ----------
    stage : Proxies, optional
        With what was found so far.
    task : Task, optional
        That the handshake told.
    counts : Counts
        Messages and bytes.
    seconds : dict of str to float
        What took how long.
    """

    def __init__(
        self,
        make_stage: StageMaker,
        wanted: int,
        *,
        facts: Facts,
        journal: Journal,
        stop: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.counts = Counts()
        super().__init__(facts, journal, self.counts, stop)
        self._make_stage = make_stage
        self._wanted = wanted
        self.stage: Proxies | None = None
        self.task: Task | None = None
        self.seconds: dict[str, float] = {}

    def _run(self, grid: Grid, exchange: Exchange) -> Result:
        began = time.monotonic()
        limits = self._meet(exchange)
        self.seconds["handshake"] = time.monotonic() - began
        self.task = self._desk.roster.task
        assert self.task is not None
        self.stage = self._make_stage(self.task, limits, self._desk.roster)
        self._drive(self.stage, grid, exchange, self.seconds)
        return Result()

    def _enter(self, stage: Stage, waits: Waits) -> None:
        super()._enter(stage, waits)
        assert self.stage is not None
        nodes, known = list(self.stage.nodes), sorted(self._desk.roster.reports)
        left_out = [name for name in known if name not in nodes]
        self._journal.write("proxies", specs=len(self.stage.specs), wanted=self._wanted, nodes=nodes, left_out=left_out)
