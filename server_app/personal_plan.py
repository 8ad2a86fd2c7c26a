"""PersonalPlan: a Flower strategy that has nodes make models of their own of a winner that was found before.

handshake -> one exchange: a message for each node, with the winner's weights
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
    from server_app.stages.personal import Personal


class PersonalPlan(OneStagePlan["Personal"]):
    """A plan of one stage, in which nodes make models of their own.

    Parameters
    ----------
    task : Task
        Of the run that found the winner: nothing is agreed on anew, and who does not fit it is left out.
    make_stage : callable
        Builds the stage once the nodes are known.
    facts, journal, stop
        As of `Plan`.
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
        super().__init__(facts, journal, stop)
        self._desk.roster.task = task
        self._make_stage = make_stage

    def _agree(self, roster: Roster) -> None:
        """Leave what was agreed on as it is."""

    def _made(self, limits: Mapping[str, Limits]) -> Personal:  # noqa: ARG002
        stage = self._make_stage(self._desk.roster)
        self._journal.write("personal", **stage.facts())
        return stage
