"""Wiring of the warm-up: from a configuration and the search that follows to the stage that trains its supernet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from common.seeding import child_seed
from server_app.build_allowance import allowance_of
from server_app.scoring import scoring_of
from server_app.spaces.recipes import RecipeSpace
from server_app.stages.warm_up import WarmUp
from server_app.supernet.paths import Paths
from server_app.wiring import chosen, told_to_all

if TYPE_CHECKING:
    from common.config import Config
    from common.tasks import Task
    from server_app.journal import Journal
    from server_app.roster import Roster
    from server_app.stages.search import Search


def build_warm_up(
    config: Config,
    task: Task,
    search: Search,
    journal: Journal,
    roster: Roster,
    elapsed: Callable[[], Mapping[str, float]] = dict,
) -> WarmUp | None:
    """Build what trains the weights that the trials of a search share; None where they share none, or train them.

    What the search begins with takes turns among the paths, or it would be scored untrained.

    Parameters
    ----------
    config : Config
        What was chosen.
    task : Task
        That the handshake told.
    search : Search
        Of which the weights, the space and what it begins with are.
    journal, roster, elapsed
        As in `build_search`.
    """
    options = search.weights.options
    if not search.weights.shares or not options.rounds:
        return None
    placement, placement_options = chosen(config, "placement")
    allowance, controller = allowance_of(config, task, roster, elapsed, placement), search.controller
    seed = child_seed(config.seed, "warm_up")
    space, given = controller.space.space, [suggestion.tried[0] for suggestion in controller.start]
    return WarmUp(
        seed=config.seed,
        rounds=options.rounds,
        paths=Paths(space, options.sampling, options.paths, seed, list(dict.fromkeys(given))),
        distils=options.distillation,
        recipe=RecipeSpace.of(config.training, task).default,
        placement=placement(seed, options.paths, placement_options),
        weights=search.weights,
        objectives=search.objectives,
        scoring=scoring_of(config),
        shortage=lambda stage, paths: allowance.shortage_of_round(stage, search, paths, options.part),
        **told_to_all(config, task, journal, roster),
    )
