"""Wiring: from a configuration to a strategy with one choice on each axis."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from logging import WARNING
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from flwr.common.logger import log

from common.architecture.spec import ArchitectureSpec
from common.config import Choice, Config
from common.data import load_task
from common.errors import ConfigError, DataError
from common.groups import IMPORTED, PORTFOLIO
from common.limits import Limits
from common.seeding import generator
from common.settings import TrainingSettings
from common.tasks import Head, Task
from server_app.blobs import Blobs, keys_in
from server_app.budget import Spent
from server_app.build_allowance import allowance_of
from server_app.build_bilevel import build_bilevel
from server_app.build_closing import closing_of
from server_app.build_warm_up import build_warm_up
from server_app.capacity import Reach, excess_of_any, excess_of_most
from server_app.combinations import check_combination
from server_app.controllers.observations import Suggestion
from server_app.federation import facts_of
from server_app.fidelity.base import Proxy
from server_app.given import baseline_of, check_given, start_of
from server_app.imports.prior import Prior, Terms, prior_of
from server_app.journal import Journal
from server_app.objectives.base import Objectives
from server_app.portfolio import Portfolio, portfolio_of
from server_app.registry import AXES, choices, option_names
from server_app.roster import Roster
from server_app.scoring import scoring_of
from server_app.spaces.base import SearchSpace, drawn_by
from server_app.spaces.beliefs import Beliefs
from server_app.spaces.recipes import RecipeSpace, largest, read_choices
from server_app.spaces.trial_space import TrialSpace
from server_app.stages.screening import Screening
from server_app.stages.search import Search
from server_app.strategy import FedNASStrategy, State
from server_app.testset import server_test
from server_app.weights.base import WeightStore
from server_app.wiring import chosen, maker, objectives_of, told_to_all


def build_strategy(
    config: Config,
    journal: Journal | None = None,
    stop: Callable[[], str | None] = lambda: None,
    *,
    blobs: Blobs | None = None,
    save: Callable[[Callable[[], dict[str, Any]]], None] | None = None,
    state: State | None = None,
    start_up: float = 0.0,
    folder: Path | None = None,
) -> FedNASStrategy:
    """Build the strategy that a configuration describes.

    Parameters
    ----------
    config : Config
        As composed by `common.config`.
    journal : Journal, optional
        Where events go; None keeps none.
    stop : callable
        Returns why the search should stop, or None.
    blobs : Blobs, optional
        Where weights are stored; None keeps them in memory.
    save, state, start_up
        As of `FedNASStrategy`; where nothing is saved, weights in memory that no trial needs any more are forgotten.
    folder : Path, optional
        Of the run; None where it leaves none.

    Examples
    --------
    >>> from common.config import compose_config
    >>> strategy = build_strategy(compose_config(["controller=random", "search.trials=4"]))
    """
    config, notes = without_foreign_options(config)
    for note in notes:
        log(WARNING, "%s", note)
    check(config)
    journal, blobs = journal or Journal(), blobs or Blobs(None)

    def sweep(state_of: Callable[[], dict[str, Any]]) -> None:
        if blobs.crowded:
            blobs.sweep(keys_in(state_of()))

    def elapsed() -> Mapping[str, float]:
        return {} if strategy.outcome is None else strategy.outcome.seconds

    def before() -> Spent:
        stage = None if strategy.outcome is None else strategy.outcome.before
        return Spent() if stage is None else Spent.of(stage.trials)

    strategy = FedNASStrategy(
        lambda task, limits, roster: build_search(
            config, task, journal, blobs, roster, limits, elapsed, before, again=state is not None
        ),
        closing_of(config, journal, blobs, elapsed, before, folder),
        lambda task, search, roster: build_warm_up(config, task, search, journal, roster, elapsed),
        lambda task, search, roster: build_bilevel(config, task, search, journal, blobs, roster, elapsed),
        facts=facts_of(config, _metric(config), lambda task: reach_of(config, task)),
        journal=journal,
        stop=stop,
        save=save or sweep,
        state=state,
        start_up=start_up,
    )
    return strategy


def check(config: Config) -> None:
    """Raise `ConfigError` for what can be known to be wrong before a node is asked."""
    for axis in AXES:
        chosen(config, axis)
    check_combination(config)
    space = chosen(config, "space")[0]
    if space.why_offline:
        raise ConfigError(
            space.why_offline,
            f"space={config.space['name']}",
            fix="Judge controllers on it with flwr-nas benchmark, or use another space, such as space=layered",
        )
    read_choices(config.training)
    scoring_of(config)
    check_given(config)


def without_foreign_options(config: Config) -> tuple[Config, list[str]]:
    """Drop the options that belong to another choice of their axis.

    An experiment sets options for the choices it makes; who then calls for another choice on the command
    line does not mean them. Options that no choice of the axis has stay, and `check` refuses them.

    Returns
    -------
    Config
        What is left.
    list of str
        A sentence for each option that was dropped.
    """
    notes: list[str] = []
    kept: dict[str, Any] = {}
    for axis in AXES:
        choice: Choice = getattr(config, axis)
        own = option_names(axis, choice["name"])
        strange = [name for name in choice if name != "name" and name not in own]
        others = {name for other in choices(axis) for name in option_names(axis, other)} if strange else set()
        dropped = [name for name in strange if name in others]
        notes += [f"{axis}={choice['name']} has no option {name}: left out" for name in dropped]
        kept[axis] = {name: value for name, value in choice.items() if name not in dropped}
    return replace(config, **kept), notes


def rehearse(config: Config) -> None:
    """Raise what a simulation would fail with, before anything is started.

    Loads the data of the first node that has enough, draws a spec, and asks the placement for nodes.
    """
    check(config)
    if config.federation.name == "simulation":  # else the SuperLink's machine has what it needs
        chosen(config, "tracker")[0].check_installed()
    if config.federation.name != "simulation" or config.federation.nodes is None:
        return
    nodes = config.federation.nodes
    try:
        task = load_task(config.dataset, nodes, config.seed)
    except DataError as error:
        raise error.in_full() from None  # the file is on this machine
    search = build_search(config, task, Journal(), Blobs(None), again=config.run.resume)
    server_test(config, task)
    search.controller.space.sample(_rehearsal(config))
    build_bilevel(config, task, search, Journal(), Blobs(None), Roster())
    search.begin([f"partition-{index}" for index in range(nodes)])


def build_space(config: Config, task: Task) -> SearchSpace:
    """Build the space for the task that the handshake told."""
    cls, options = chosen(config, "space")
    space: SearchSpace = cls(task, options)
    return space


def reach_of(config: Config, task: Task) -> Reach:
    """Return what tells whether a node's limits allow anything that a search for `task` could propose.

    How inputs are scaled need not be known yet: where they may be, a network is taken to do it, for which it needs a
    little more memory.
    """
    task = replace(task, scaling=None if config.preprocessing.scope == "none" else "node")
    space, recipes = build_space(config, task), RecipeSpace.of(config.training, task)
    most = _largest(recipes, start_of(config, recipes.default))
    space.excess = excess_of_any({}, task, most, objectives_of(config, task))
    return Reach(space, most, _rehearsal(config))


def _believe(config: Config, space: SearchSpace, recipes: RecipeSpace) -> None:
    """Let a space know what is expected; raises `ConfigError` for what it does not ask, or not offer."""
    beliefs, rng = Beliefs(config.search.priors or {}, config.search.confidence), _rehearsal(config)
    beliefs.check(TrialSpace(space, recipes).made, drawn_by(rng))
    space.beliefs = beliefs


def build_search(
    config: Config,
    task: Task,
    journal: Journal,
    blobs: Blobs,
    roster: Roster | None = None,
    limits: Mapping[str, Limits] = MappingProxyType({}),
    elapsed: Callable[[], Mapping[str, float]] = dict,
    before: Callable[[], Spent] = Spent,
    *,
    again: bool = False,
) -> Search:
    """Build the search, one choice on each axis.

    Parameters
    ----------
    config : Config
        What was chosen.
    task : Task
        That the handshake told.
    journal, blobs : Journal, Blobs
        Where events and weights go.
    roster : Roster, optional
        The nodes.
    limits : mapping of str to Limits
        By node: no proposal exceeds any of them; or, where the placement tells nodes apart, those of most of them.
    elapsed, before : callable
        As of `Allowance`.
    again : bool
        Whether it goes on from a state, which has what was imported: the runs and files that it came from may be gone.

    Raises
    ------
    ConfigError
        Where the baseline does not fit the task, the task lacks what a recipe asks for, or what is imported does not
        belong to this search.
    StorageError
        What is imported cannot be read.
    SpaceError
        Where nothing in the space fits all the nodes.
    """
    roster = roster or Roster()
    objectives = objectives_of(config, task)
    space, recipes = build_space(config, task), RecipeSpace.of(config.training, task)
    baseline_of(config, task, recipes, ())  # or nobody would notice before the search is over
    start = start_of(config, recipes.default)
    weights = _weights(config, task, config.seed, blobs)
    space.excess = _excess(config, task, limits, _largest(recipes, start), objectives, weights.minimum)
    space.sample(_rehearsal(config))
    _believe(config, space, recipes)
    portfolio = portfolio_of(task, space, recipes) if config.search.start == PORTFOLIO else Portfolio()
    placement, placement_options = chosen(config, "placement")
    controller, controller_options = chosen(config, "controller")
    fidelity, fidelity_options = chosen(config, "fidelity")
    searched = recipes if fidelity.trains else RecipeSpace.fixed(recipes.default)
    trials = TrialSpace(space, searched.expecting(space.beliefs))
    made = fidelity(fidelity_options, roster.steps_per_round(recipes.default))
    prior = Prior() if again else prior_of(config.search, Terms(trials, objectives, made, weights.shares))
    if prior.sources:
        journal.write("imported", sources=list(prior.sources), first=len(prior.first))
    start += _after_given(prior, portfolio)
    return Search(
        seed=config.seed,
        concurrency=config.search.concurrency,
        controller=controller(trials, config.seed, config.search.trials, controller_options, start, prior.observations),
        fidelity=made,
        screening=_screening(config, made.proxy, recipes.default, roster, journal),
        placement=placement(config.seed, config.search.concurrency, placement_options),
        weights=weights,
        objectives=objectives,
        scoring=scoring_of(config),
        left_out=portfolio.left_out,
        shortage=allowance_of(config, task, roster, elapsed, placement, before).shortage,
        **told_to_all(config, task, journal, roster),
    )


def _excess(
    config: Config,
    task: Task,
    limits: Mapping[str, Limits],
    most: TrainingSettings,
    objectives: Objectives,
    minimum: int,
) -> Callable[[ArchitectureSpec], str]:
    """Return what says why a spec does not fit all nodes, or, where the placement tells them apart, most of them."""
    if chosen(config, "placement")[0].tells_apart:
        return excess_of_most(limits, task, most, objectives, most_of(config, limits, minimum))
    return excess_of_any(limits, task, most, objectives)


def _after_given(prior: Prior, portfolio: Portfolio) -> list[Suggestion]:
    """Return what is tried first after what was given: the best of what is imported, and then the portfolio.

    What both hold is of the portfolio, for the baseline is the best of that; its turn is that of what is imported.
    """
    entries = portfolio.entries.values()
    imported = [Suggestion(one, PORTFOLIO if one in entries else IMPORTED) for one in prior.first]
    return [*imported, *(Suggestion(one, PORTFOLIO) for one in entries if one not in prior.first)]


def most_of(config: Config, nodes: Collection[str], minimum: int) -> list[tuple[Collection[str], int]]:
    """Return who trains and who scores, and of how many of each a trial cannot do without.

    Those are more than half of who trains, and as many of the panel as make a score count.

    Parameters
    ----------
    config : Config
        What was chosen.
    nodes : collection of str
        Names of those that are there when the search begins.
    minimum : int
        Updates that a round needs.
    """
    if not nodes:
        return []
    scoring = scoring_of(config)
    panel = scoring.panel_of(sorted(nodes), config.seed)
    out = set(panel) if scoring.num_held_out(len(nodes)) else set()
    trainers = [name for name in sorted(nodes) if name not in out]
    return [(trainers, max(minimum, len(trainers) // 2 + 1)), (panel, max(1, scoring.least(panel)))]


def _screening(
    config: Config, proxy: Proxy, recipe: TrainingSettings, roster: Roster, journal: Journal
) -> Screening | None:
    """Return what picks from among candidates; None where whatever is proposed trains."""
    if proxy.score is None:
        return None
    least = config.preprocessing.min_examples
    return Screening(proxy=proxy, recipe=recipe, min_examples=least, held=roster.held, journal=journal)


def _rehearsal(config: Config) -> np.random.Generator:
    """Return the generator of the draw by which it is known that there is something to draw."""
    return generator(config.seed, "rehearsal")


def _largest(recipes: RecipeSpace, start: Sequence[Suggestion]) -> TrainingSettings:
    """Return the recipe that needs most memory of those that trials may have."""
    return largest([recipes.largest, *(recipe for _, recipe in (given.tried for given in start))])


def _metric(config: Config) -> Callable[[Head], str] | None:
    """Return what tells the metric by which a search goes; None where the balance of classes decides."""
    cls, options = chosen(config, "objective")
    tells: Callable[[Head], str] | None = cls.metric(options)
    return tells


def _weights(config: Config, task: Task, seed: int, blobs: Blobs) -> WeightStore:
    cls, options = chosen(config, "weights")
    weights: WeightStore = cls(task, seed, maker(config, "aggregation"), blobs, options)
    return weights
