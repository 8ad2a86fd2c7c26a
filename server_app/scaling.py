"""How the inputs of a search are scaled: agreed on once, over the nodes that are there at the start."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from common.preprocessing.base import total
from common.preprocessing.scaling import STATISTICS

if TYPE_CHECKING:
    from common.settings import PreprocessingSettings
    from common.tasks import Task
    from server_app.journal import Journal
    from server_app.roster import Roster


def agree_on_scaling(roster: Roster, preprocessing: PreprocessingSettings, journal: Journal) -> Task:
    """Add to the task how inputs are scaled, and return it.

    Parameters
    ----------
    roster : Roster
        The nodes that were admitted, with their sums; its task is that of all messages to come.
    preprocessing : PreprocessingSettings
        Whether anything is scaled, and over whom.
    journal : Journal
        Where it is told over how many nodes that was fitted.
    """
    assert roster.task is not None
    if preprocessing.scope == "node":
        roster.task = replace(roster.task, scaling="node")
    if preprocessing.scope != "federation":
        return roster.task
    moments = STATISTICS["moments"]
    sums_of = {name: sums for name, report in roster.reports.items() if (sums := report.sums.get(moments.name))}
    if not sums_of:
        journal.write("unscaled", min_examples=preprocessing.min_examples)
        return roster.task
    roster.task = replace(roster.task, scaling=moments.fit(total(sums_of), roster.task.input_shape))
    journal.write("scaled", num_nodes=len(sums_of), left_out=len(roster.reports) - len(sums_of))
    return roster.task
