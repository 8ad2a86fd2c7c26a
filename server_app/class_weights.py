"""What each class weighs in training where all are to count the same: by the counts that the nodes tell.

``training.class_weights=balanced`` asks the nodes for these counts as ``objective=primary`` does, rounded down to the
same multiple, and none of a node that has fewer examples in all. An example of class c of k weighs ``n / (k n_c)``, and
of several labels one that is there as much as there are examples without it for each with it. No weight is more than
`MOST`, or less than one over it: what is that rare would else be learnt by heart, in steps that throw the rest away. A
class of which no count left any node weighs 1; it may be rare everywhere, or there only where few examples are.

Weights are the federation's, the same on all nodes, and reach all of them: with weights of their own, nodes would lower
losses that have no mean in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from common.tasks.base import names_of
from server_app.balance import class_totals

if TYPE_CHECKING:
    from common.config import Config
    from common.jobs import NodeReport
    from common.tasks import Head, Task
    from server_app.federation import Facts
    from server_app.journal import Journal
    from server_app.roster import Roster

BALANCED = "balanced"
MOST = 10.0
"""What an example weighs at most."""


def asks_for_weights(config: Config) -> bool:
    """Tell whether a recipe of a search weighs classes, or may."""
    given = [config.final.baseline, *(config.search.start if isinstance(config.search.start, list) else [])]
    recipes = [one["recipe"] for one in given if isinstance(one, dict) and isinstance(one.get("recipe"), dict)]
    for recipe in (config.training, *recipes):
        choices = recipe.get("class_weights", "none")
        if choices is None or BALANCED in (choices if isinstance(choices, list | tuple) else [choices]):
            return True
    return False


def balanced_weights(
    reports: Sequence[NodeReport], head: Head, multiple: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the weight of each class, and of which classes a count left some node.

    Parameters
    ----------
    reports : sequence of NodeReport
        Of nodes that counted.
    head : Head
        That was agreed on.
    multiple : int
        See `Head.counts`.

    Returns
    -------
    NDArray, NDArray
        float64 and bool, shape ``(classes,)``, in the order of `head`.
    """
    totals, known = class_totals(reports, head, multiple), class_totals(reports, head, 1) > 0
    weights = np.ones(len(totals))
    if known.any():
        examples = sum(report.num_train for report in reports)
        weights[known] = head.weights_of(np.minimum(totals[known], examples), examples).clip(1 / MOST, MOST)
    return weights, known


def agree_on_weights(roster: Roster, facts: Facts, journal: Journal) -> Task:
    """Add to the task what classes weigh where a recipe asks for it, and return it.

    Parameters
    ----------
    roster : Roster
        The nodes that were admitted; its task is that of all messages to come.
    facts : Facts
        Whether weights are asked for, and how counts were rounded.
    journal : Journal
        Where it is told, those classes included that weigh 1 for want of a count.
    """
    assert roster.task is not None
    head = roster.task.head
    if not facts.weighs or not head.balances:
        return roster.task
    counted = [report for _, report in sorted(roster.reports.items()) if report.counts]
    weights, known = balanced_weights(counted, head, facts.preprocessing.min_examples)
    if not known.any():
        journal.write("unweighted", min_examples=facts.preprocessing.min_examples)
        return roster.task
    roster.task = replace(roster.task, head=head.balanced_by(weights.tolist()))
    names = names_of(head)
    journal.write(
        "weighted",
        weights=[round(weight, 4) for weight in weights.tolist()],
        unknown=[name for name, there in zip(names, known, strict=True) if not there],
        num_nodes=len(counted),
    )
    return roster.task
