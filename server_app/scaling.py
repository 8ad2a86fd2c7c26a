"""How the inputs of a search are scaled: agreed on once, over the nodes that are there at the start.

Of a column of which no node has `min_examples` values nothing is known, so it becomes 0 everywhere; the journal says
which.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from common.preprocessing.base import total
from common.preprocessing.expand import expansion_of
from common.preprocessing.scaling import Scaling
from common.preprocessing.statistics import STATISTICS

if TYPE_CHECKING:
    from common.preprocessing.base import Inputs
    from common.preprocessing.quantiles import Spread
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
    task, inputs = roster.task, roster.task.inputs
    if preprocessing.scope == "node":
        roster.task = replace(task, scaling="node")
        return roster.task
    as_is = replace(task, scaling=Scaling.as_is(inputs.shape[0]) if inputs.gaps else None)
    if preprocessing.scope == "none" or not inputs.places:
        roster.task = as_is
        return roster.task
    moments = STATISTICS["moments"]
    sums_of = {name: sums for name, report in roster.reports.items() if (sums := report.sums.get(moments.name))}
    if not sums_of:
        journal.write("unscaled", min_examples=preprocessing.min_examples)
        roster.task = as_is
        return roster.task
    of_all = total(sums_of)
    scaling: Scaling = moments.fit(of_all, inputs)
    by_median = _medians(roster, preprocessing, inputs)
    roster.task = replace(task, scaling=scaling.with_places(by_median))
    counts = zip(inputs.places, of_all.values["count"], strict=True)
    untold = [place for place, count in counts if not count and place not in by_median]
    names = () if task.schema is None else expansion_of(task.schema).names
    unknown = {"untold": [names[place] if names else str(place) for place in untold]} if untold else {}
    medians = {"by_median": len(by_median)} if preprocessing.scale == "quantiles" else {}
    journal.write("scaled", num_nodes=len(sums_of), left_out=len(roster.reports) - len(sums_of), **medians, **unknown)
    return roster.task


def _medians(roster: Roster, preprocessing: PreprocessingSettings, inputs: Inputs) -> Spread:
    """Return what is scaled by median and quartiles instead, by its place."""
    quantiles = STATISTICS["quantiles"]
    sums_of = {name: sums for name, report in roster.reports.items() if (sums := report.sums.get(quantiles.name))}
    if preprocessing.scale != "quantiles" or not sums_of:
        return {}
    found: Spread = quantiles.fit(total(sums_of), inputs)
    return found
