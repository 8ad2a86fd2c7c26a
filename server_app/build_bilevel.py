"""Wiring of the bilevel search: from a configuration and the search that follows to the stage that finds its trials."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from common.architecture.kinds.mixed import MixedSpec
from common.precision import number_bytes
from common.seeding import child_seed
from server_app.budget import bilevel_passes
from server_app.build_allowance import allowance_of
from server_app.controllers.darts import Darts
from server_app.darts.weights import MixedWeights
from server_app.forecast import Load
from server_app.scoring import scoring_of
from server_app.spaces.recipes import RecipeSpace
from server_app.stages.bilevel import Bilevel
from server_app.wiring import chosen, maker, told_to_all

if TYPE_CHECKING:
    from common.config import Config
    from common.precision import Precision
    from common.tasks import Task
    from server_app.blobs import Blobs
    from server_app.budget import Shortage
    from server_app.journal import Journal
    from server_app.roster import Roster
    from server_app.stages.search import Search
    from server_app.trials import Trial


def build_bilevel(
    config: Config,
    task: Task,
    search: Search,
    journal: Journal,
    blobs: Blobs,
    roster: Roster,
    elapsed: Callable[[], Mapping[str, float]] = dict,
) -> Bilevel | None:
    """Build what finds the trials of a search by gradients; None where its controller finds them.

    Parameters
    ----------
    config : Config
        What was chosen.
    task : Task
        That the handshake told.
    search : Search
        Of which the space, the options and the objectives are.
    journal, blobs, roster, elapsed
        As in `build_search`.

    Raises
    ------
    ConfigError
        The space has no mixed network, or one that is too large for anything.
    """
    controller = search.controller
    if not isinstance(controller, Darts):
        return None
    placement, placement_options = chosen(config, "placement")
    seed, space = child_seed(config.seed, "bilevel"), controller.space.space
    options, spec = controller.options, space.mixed(controller.options.partial_channels)
    recipe = replace(RecipeSpace.of(config.training, task).default, average=0)  # it is not scored
    allowance = allowance_of(config, task, roster, elapsed, placement)

    def shortage(stage: Bilevel, trial: Trial, rounds: int) -> Shortage | None:
        load, passes = load_of(trial, task, config.federation.precision), partial(bilevel_passes, stage.dearest)
        return allowance.shortage_of_bilevel(stage, search, load, passes, rounds, options.part)

    return Bilevel(
        seed=config.seed,
        options=options,
        space=space,
        spec=spec,
        recipe=recipe,
        placement=placement(seed, 1, placement_options),
        weights=MixedWeights(task, seed, maker(config, "aggregation"), blobs),
        objectives=search.objectives,
        scoring=scoring_of(config),
        shortage=shortage,
        **told_to_all(config, task, journal, roster),
    )


def load_of(trial: Trial, task: Task, precision: Precision) -> Load:
    """Return of what the cost of a mixed network depends; its messages have architecture weights, too."""
    assert isinstance(trial.spec, MixedSpec)
    load = Load.of(trial.identity, task, precision)
    return replace(load, bytes=load.bytes + trial.spec.num_alphas * number_bytes(precision))
