"""What the nodes can hold: asked before a proposal is made, and again before a phase begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from common.architecture.cost import cost_of
from common.limits import needs_of, tightest

if TYPE_CHECKING:
    from common.architecture.spec import ArchitectureSpec
    from common.limits import Limits
    from common.tasks import Task
    from server_app.assignment import Excess
    from server_app.objectives.base import Objectives
    from server_app.roster import Roster
    from server_app.trials import Recipe, Trial


def excess_of_node(roster: Roster, task: Task) -> Excess:
    """Return what says why a node, with the limits that it has then, cannot hold a trial.

    A mini-batch is never larger than all that the node has.
    """

    def excess(node: str, trial: Trial) -> str:
        reason = roster.excess(node, needs_of(trial.spec, task, trial.recipe))
        held = max(1, roster.held(node, "train"))
        if not reason or trial.recipe.batch_size <= held:
            return reason
        # Asked of few, since what a node needs is remembered for each size of a mini-batch.
        return roster.excess(node, needs_of(trial.spec, task, replace(trial.recipe, batch_size=held)))

    return excess


def excess_of_any(
    limits: Mapping[str, Limits], task: Task, largest: Recipe, objectives: Objectives
) -> Callable[[ArchitectureSpec], str]:
    """Return what says which node cannot hold a spec and why, or which hard constraint the spec breaks.

    It goes by the recipe that needs most memory, so that whatever it lets pass can be trained by every recipe.
    """
    least = tightest(limits.values())

    def excess(spec: ArchitectureSpec) -> str:
        if broken := objectives.violations(cost_of(spec.lower(task))):
            return broken[0]
        needs = needs_of(spec, task, largest)
        if not least.exceeded(needs):
            return ""
        return next(f"node {name!r}: {reason}" for name in sorted(limits) if (reason := limits[name].exceeded(needs)))

    return excess
