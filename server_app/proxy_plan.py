"""ProxyPlan: a Flower strategy that has specs scored without training.

handshake -> one exchange: a message for each node, with all specs
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from server_app.one_stage_plan import OneStagePlan

if TYPE_CHECKING:
    from common.limits import Limits
    from common.tasks import Task
    from server_app.federation import Facts
    from server_app.journal import Journal
    from server_app.roster import Roster
    from server_app.stages.base import Stage
    from server_app.stages.proxies import Proxies
    from server_app.waits import Waits

StageMaker = Callable[["Task", Mapping[str, "Limits"], "Roster"], "Proxies"]


class ProxyPlan(OneStagePlan["Proxies"]):
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
    task : Task, optional
        That the handshake told.
    others
        As of `OneStagePlan`.
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
        super().__init__(facts, journal, stop)
        self._make_stage = make_stage
        self._wanted = wanted
        self.task: Task | None = None

    def _made(self, limits: Mapping[str, Limits]) -> Proxies:
        self.task = self._desk.roster.task
        assert self.task is not None
        return self._make_stage(self.task, limits, self._desk.roster)

    def _enter(self, stage: Stage, waits: Waits) -> None:
        super()._enter(stage, waits)
        assert self.stage is not None
        nodes, known = list(self.stage.nodes), sorted(self._desk.roster.reports)
        left_out = [name for name in known if name not in nodes]
        self._journal.write("proxies", specs=len(self.stage.specs), wanted=self._wanted, nodes=nodes, left_out=left_out)
