"""What the nodes can hold: asked before a proposal is made, and again before a phase begins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import astuple, replace
from typing import TYPE_CHECKING

from common.architecture.cost import cost_of
from common.limits import needs_of, tightest

if TYPE_CHECKING:
    import numpy as np

    from common.architecture.spec import ArchitectureSpec
    from common.limits import Limits, Needs
    from common.tasks import Task
    from server_app.assignment import Excess
    from server_app.objectives.base import Objectives
    from server_app.roster import Roster
    from server_app.spaces.base import SearchSpace
    from server_app.trials import Recipe, Trial


class Reach:
    """Tells whether the limits of a node allow anything of a space.

    They do where `SearchSpace.sample` finds something within them. It is drawn once for all nodes, and no further than
    their limits ask for.

    Parameters
    ----------
    space : SearchSpace
        Without limits of nodes.
    largest : Recipe
        That needs most memory of those by which trials may be trained.
    rng : Generator
        As that by which the search makes its first draw.
    """

    def __init__(self, space: SearchSpace, largest: Recipe, rng: np.random.Generator) -> None:
        self._found: list[Needs] = []
        self._others = (needs_of(spec, space.task, largest) for spec in space.probe(rng))

    def excess(self, limits: Limits) -> str:
        """Return which limit is too narrow for all of the space, as a sentence without its full stop.

        Empty where something fits, and where the space holds nothing at all: that is no fault of a node.
        """
        if any(not limits.exceeded(needs) for needs in self._least()) or not self._found:
            return ""
        return limits.exceeded(min(self._found, key=limits.strain), "the least that was found")

    def _least(self) -> Iterator[Needs]:
        """Yield what specs need, but for what needs at least as much of everything as another one."""
        yield from self._found
        for needs in self._others:
            if not any(_within(other, needs) for other in self._found):
                self._found = [*(other for other in self._found if not _within(needs, other)), needs]
                yield needs


def _within(one: Needs, other: Needs) -> bool:
    return all(a <= b for a, b in zip(astuple(one), astuple(other), strict=True))


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


def broken_by(objectives: Objectives, task: Task, largest: Recipe) -> Callable[[ArchitectureSpec], str]:
    """Return what says which hard constraint a spec breaks on its cost, by the recipe that needs most memory."""

    def broken(spec: ArchitectureSpec) -> str:
        cost = objectives.cost(cost_of(spec.lower(task)), spec, largest)
        return next(iter(objectives.violations(cost)), "")

    return broken


def excess_of_any(limits: Mapping[str, Limits], task: Task, largest: Recipe) -> Callable[[ArchitectureSpec], str]:
    """Return what says which node cannot hold a spec, and why.

    It goes by the recipe that needs most memory, so that whatever it lets pass can be trained by every recipe.
    """
    least = tightest(limits.values())

    def excess(spec: ArchitectureSpec) -> str:
        needs = needs_of(spec, task, largest)
        if not least.exceeded(needs):
            return ""
        return next(f"node {name!r}: {reason}" for name in sorted(limits) if (reason := limits[name].exceeded(needs)))

    return excess


def excess_of_most(
    limits: Mapping[str, Limits],
    task: Task,
    largest: Recipe,
    groups: Sequence[tuple[Collection[str], int]],
) -> Callable[[ArchitectureSpec], str]:
    """Return what says that too few nodes can hold a spec, and why.

    Parameters
    ----------
    limits, task, largest
        As of `excess_of_any`.
    groups : sequence of pairs
        Names, and how many of these must be able to hold a spec: who trains, and who scores.
    """
    counted = [(Counter(limits[name] for name in names), least) for names, least in groups]

    def excess(spec: ArchitectureSpec) -> str:
        needs = needs_of(spec, task, largest)
        for nodes, least in counted:
            reasons = {one: reason for one in nodes if (reason := one.exceeded(needs))}
            able = nodes.total() - sum(nodes[one] for one in reasons)
            if able < least and reasons:
                return f"{able} of {nodes.total()} nodes can hold it, of the {least} it takes: {min(reasons.values())}"
        return ""

    return excess
