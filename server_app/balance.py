"""By which metric a search goes: one that suits how evenly the classes are spread over the federation.

Where most examples are of one class, a model that knows no other has a high accuracy; its balanced accuracy, the mean
of the recalls, is that of a guess. So the nodes are asked how many training examples they have of each class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from common.jobs import NodeReport
    from common.tasks import Head, Task
    from server_app.federation import Facts
    from server_app.journal import Journal
    from server_app.roster import Roster

UNEVEN = 3.0
"""Examples of the largest class for each of the smallest, above which classes count as uneven.

Of two classes the smaller has then less than a quarter. "Datasets: Imbalanced datasets" of Google's machine learning
course calls 20 to 40 % a mild imbalance, and less a moderate one.
"""

BALANCED = "balanced_accuracy"
"""The metric that suits uneven classes."""


def class_totals(reports: Sequence[NodeReport], head: Head, multiple: int) -> NDArray[np.float64]:
    """Estimate how many training examples there are of each class.

    A count was rounded down to a multiple, by (multiple - 1) / 2 on average, and that is given back: else classes of
    one size would look uneven where they are small on every node, for some just reach a multiple and others do not.
    Of a class that a node lacks it is too much, so classes look a little more even than they are.

    Parameters
    ----------
    reports : sequence of NodeReport
        Of nodes that counted.
    head : Head
        That was agreed on; a node counts by its own.
    multiple : int
        See `Head.counts`.

    Returns
    -------
    NDArray
        float64, shape ``(classes,)``, in the order of `head`.
    """
    totals = np.zeros(head.output_width)
    for report in reports:
        own = head.places(report.head)
        totals[own] += np.array(report.counts) + (multiple - 1) / 2
    return totals


def uneven(totals: NDArray[np.float64] | NDArray[np.int64]) -> bool:
    """Tell whether the largest class has more than `UNEVEN` times the examples of the smallest."""
    return bool(totals.max() > UNEVEN * totals.min())


def agree_on_metric(roster: Roster, facts: Facts, journal: Journal) -> Task:
    """Add to the task by which metric models are ranked and gains are told, and return it.

    That of the objective, if the head has it. Where the objective leaves it to the balance of classes, it is balanced
    accuracy if these are uneven, which the journal then tells; where no node counted, nothing is known of that.

    Parameters
    ----------
    roster : Roster
        The nodes that were admitted; its task is that of all messages to come.
    facts : Facts
        What the search goes by, and how counts were rounded.
    journal : Journal
        Where it is told.
    """
    assert roster.task is not None
    head = roster.task.head
    if facts.metric is not None:
        roster.task = replace(roster.task, head=head.going_by(facts.metric(head)))
        return roster.task
    counted = [report for _, report in sorted(roster.reports.items()) if report.counts]
    if not counted:
        return roster.task
    totals = class_totals(counted, head, facts.preprocessing.min_examples)
    if uneven(totals) and BALANCED in head.metric_names:
        roster.task = replace(roster.task, head=head.going_by(BALANCED))
        sizes = {"largest": round(totals.max()), "smallest": round(totals.min())}
        journal.write("uneven", **sizes, num_nodes=len(counted), metric=BALANCED)
    return roster.task
