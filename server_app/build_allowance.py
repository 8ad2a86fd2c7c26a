"""Wiring: what the search of a configuration may spend."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from common.config import options_of
from server_app.allowance import Allowance
from server_app.budget import Spent
from server_app.candidates import constant, linear
from server_app.final_rounds import least_rounds, with_rounds
from server_app.forecast import Load
from server_app.given import baseline_of
from server_app.spaces.recipes import RecipeSpace
from server_app.to_come import ToCome

if TYPE_CHECKING:
    from common.config import Config
    from common.jobs import Split
    from common.tasks import Task
    from server_app.placement.base import Placement
    from server_app.roster import Roster
    from server_app.trials import Identity


def examples_of(roster: Roster) -> Callable[[str, Split], int]:
    """Return what tells how many examples of a split a node has; one that was not asked yet has as many as any."""

    def held(name: str, split: Split) -> int:
        report = roster.reports.get(name)
        if report is not None:
            return report.held(split)
        return max((other.held(split) for other in roster.reports.values()), default=0)

    return held


def allowance_of(
    config: Config,
    task: Task,
    roster: Roster,
    elapsed: Callable[[], Mapping[str, float]],
    placement: type[Placement],
    before: Callable[[], Spent] = Spent,
) -> Allowance:
    """Return what the search of a configuration may spend.

    Parameters
    ----------
    config : Config
        What was chosen.
    task : Task
        That the handshake told.
    roster : Roster
        The nodes.
    elapsed, before : callable
        As of `Allowance`.
    placement : type of Placement
        That was chosen.
    """

    @cache
    def load(identity: Identity) -> Load:
        return Load.of(identity, task, config.federation.precision)

    recipes = RecipeSpace.of(config.training, task)
    baseline = baseline_of(config, task, recipes, ())
    options = options_of(config.placement, placement.Options, "placement")
    to_come = ToCome(
        final=with_rounds(config.final, roster.steps_per_round(recipes.default)),
        load=load,
        linear=load(linear(recipes.default)),
        constant=load(constant(roster.most_examples)),
        baseline=None if baseline is None else load(baseline),
        placement=placement(config.seed, config.search.concurrency, options),
        final_placement=placement(config.seed, 1, options),
        names=lambda: {*roster.reports, *roster.there},
        held=examples_of(roster),
        folds=config.scoring.folds,
        personal=config.personal,
    )
    return Allowance(
        limits=config.search.budget,
        to_come=to_come,
        least_rounds=least_rounds(config.final),
        elapsed=elapsed,
        before=before,
    )
