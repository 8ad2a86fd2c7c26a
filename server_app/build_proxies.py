"""Wiring of zero-cost scores: from a configuration to the specs and the stage that scores them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from common.data import load_task
from common.errors import ConfigError, DataError
from common.seeding import generator
from server_app.build import build_space, check
from server_app.capacity import broken_by, excess_of_any
from server_app.spaces.recipes import RecipeSpace
from server_app.stages.proxies import Proxies
from server_app.wiring import objectives_of, told_to_all

if TYPE_CHECKING:
    from common.config import Config
    from common.limits import Limits
    from common.tasks import Task
    from server_app.journal import Journal
    from server_app.roster import Roster


def build_proxies(
    config: Config, count: int, task: Task, journal: Journal, roster: Roster, limits: Mapping[str, Limits]
) -> Proxies:
    """Build the stage that scores specs of a space by proxies.

    Parameters
    ----------
    config : Config
        What was chosen; of the axes, space and objective count, and of a recipe the first choice.
    count : int
        Specs to draw.
    task : Task
        That the handshake told.
    journal, roster : Journal, Roster
        Where events go, and the nodes.
    limits : mapping of str to Limits
        By node: no spec exceeds any of them.

    Raises
    ------
    ConfigError
        The task lacks what the configuration asks for, or mini-batches would be too small.
    SpaceError
        Nothing in the space fits all the nodes.
    """
    recipe = RecipeSpace.of(config.training, task).default
    space = build_space(config, task)
    space.broken = broken_by(objectives_of(config, task), task, recipe)
    space.excess = excess_of_any(limits, task, recipe)
    return Proxies(
        **told_to_all(config, task, journal, roster),
        specs=space.samples(count, generator(config.seed, "proxies")),
        recipe=recipe,
        lower=lambda spec: spec.lower(task),
        min_examples=config.preprocessing.min_examples,
    )


def rehearse_proxies(config: Config) -> None:
    """Raise what a simulation would fail with, before anything is started: load a node's data, and draw a spec."""
    from server_app.journal import Journal
    from server_app.roster import Roster

    check(config)
    if config.federation.name != "simulation":
        return
    if config.federation.nodes is None:
        raise ConfigError("A simulation needs a number of nodes", None, fix="Set federation.nodes=10")
    try:
        task = load_task(config.dataset, config.federation.nodes, config.seed)
    except DataError as error:
        raise error.in_full() from None  # the file is on this machine
    build_proxies(config, 1, task, Journal(), Roster(), {})
