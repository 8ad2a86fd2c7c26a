"""Wiring: from a configuration to a strategy with one choice on each axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from logging import WARNING
from typing import Any

import numpy as np
from flwr.common.logger import log

from common.architecture.cost import cost_of
from common.architecture.listed import ListedSpace
from common.architecture.space import SearchSpace
from common.architecture.spec import ArchitectureSpec
from common.architecture.task import TaskShape
from common.config import Choice, Config, options_of
from common.data import Holder, load_node_data, load_server_test
from common.errors import ConfigError, DataError, SpecError
from common.jobs import Weights
from common.limits import needs_of, tightest
from common.seeding import child_seed, generator
from common.settings import TrainingSettings
from server_app.assignment import Excess
from server_app.controllers.random import Random
from server_app.federation import Federation
from server_app.fidelity.full import Full
from server_app.journal import Journal
from server_app.phases import panel_metrics
from server_app.registry import AXES, choices, load_choice, option_names
from server_app.roster import Roster
from server_app.scoring import CentralScore, Scoring
from server_app.stages.search import Search
from server_app.strategy import FedNASStrategy
from server_app.trials import Trial
from server_app.weights.scratch import Scratch

_LEAST_TTL = 10.0


def build_strategy(
    config: Config, journal: Journal | None = None, stop: Callable[[], str | None] = lambda: None
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

    Examples
    --------
    >>> from common.config import compose_config
    >>> strategy = build_strategy(compose_config(["controller=random", "search.trials=4"]))
    """
    config, notes = without_foreign_options(config)
    for note in notes:
        log(WARNING, "%s", note)
    check(config)
    journal = journal or Journal()
    federation = config.federation
    return FedNASStrategy(
        lambda task, roster: build_search(config, task, journal, roster),
        lambda task, winner, roster: build_final(config, task, winner, journal, roster),
        seed=config.seed,
        dataset=config.dataset,
        training=config.training,
        federation=Federation(
            nodes=federation.nodes,
            min_nodes=federation.min_nodes,
            wanted=max(config.scoring.panel or 0, config.scoring.min_nodes or 0),
            order=federation.order,
            budget=federation.budget or 0.8 * federation.deadline,
            deadline=federation.deadline,
            ttl=max(_LEAST_TTL, 2 * federation.deadline),
            patience=federation.patience,
            poll=federation.poll,
            one_by_one=federation.name == "deployment",
            precision=federation.precision,
        ),
        journal=journal,
        stop=stop,
    )


def check(config: Config) -> None:
    """Raise `ConfigError` or `SpecError` for what can be known to be wrong before a node is asked."""
    for axis in AXES:
        _choose(config, axis)
    _spec(config.baseline, "baseline")
    _specs(config.search.start)


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

    Loads the first node's data, draws a spec, and asks the placement for nodes.
    """
    check(config)
    if config.federation.name != "simulation" or config.federation.nodes is None:
        return
    nodes = config.federation.nodes
    try:
        task = load_node_data(config.dataset, Holder(0, nodes), config.seed).task
    except DataError as error:
        raise error.in_full() from None  # the file is on this machine
    search = build_search(config, task, Journal())
    _server_test(config, task, ())
    search.controller.space.sample(generator(config.seed, "rehearsal"))
    search.begin([f"partition-{index}" for index in range(nodes)])


def build_space(config: Config, task: TaskShape) -> SearchSpace:
    """Build the space for the task that the handshake told."""
    cls, options = _choose(config, "space")
    space: SearchSpace = cls(task, options)
    return space


def build_search(config: Config, task: TaskShape, journal: Journal, roster: Roster | None = None) -> Search:
    """Build the search, one choice on each axis.

    Parameters
    ----------
    config : Config
        What was chosen.
    task : TaskShape
        That the handshake told.
    journal : Journal
        Where events go.
    roster : Roster, optional
        The nodes: no proposal exceeds the limits of one of those that are in it now.

    Raises
    ------
    SpaceError
        Where nothing in the space fits all the nodes.
    """
    roster = roster or Roster()
    _baseline(config, task)  # or nobody would notice before the search is over
    space = build_space(config, task)
    space.excess = _excess_of_any(roster, task, config.training)
    space.sample(generator(config.seed, "rehearsal"))
    controller, controller_options = _choose(config, "controller")
    fidelity, fidelity_options = _choose(config, "fidelity")
    placement, placement_options = _choose(config, "placement")
    weights, weights_options = _choose(config, "weights")
    start, scoring = _specs(config.search.start), config.scoring
    return Search(
        seed=config.seed,
        concurrency=config.search.concurrency,
        deadline=config.federation.deadline,
        controller=controller(space, config.seed, config.search.trials, controller_options, start),
        fidelity=fidelity(fidelity_options),
        placement=placement(config.seed, config.search.concurrency, placement_options),
        weights=weights(task, config.seed, weights_options),
        objective=_maker(config, "objective")(),
        make_aggregation=_maker(config, "aggregation"),
        scoring=Scoring("score_all" if scoring.unseen else "score", scoring.panel, scoring.unseen, scoring.min_nodes),
        journal=journal,
        excess=_excess(roster, task, config.training),
        held=roster.held,
        precision=config.federation.precision,
    )


def build_final(
    config: Config, task: TaskShape, winner: Trial, journal: Journal, roster: Roster | None = None
) -> Search:
    """Build the final training: winner and baseline, from scratch, with the same full budget, then the test.

    It is a search over two given specs, so it runs through the same code; it has seeds of its own. The baseline may
    exceed the limits of a node, which then takes no part in its training.
    """
    roster = roster or Roster()
    baseline = _baseline(config, task)
    specs = [winner.spec] if baseline == winner.spec else [winner.spec, baseline]
    space = ListedSpace(task, ListedSpace.Options([spec.to_dict() for spec in specs]))
    seed = child_seed(config.seed, "final")
    placement, placement_options = _choose(config, "placement")
    return Search(
        seed=seed,
        concurrency=len(specs),
        deadline=config.federation.deadline,
        controller=Random(space, seed, len(specs), start=specs),
        fidelity=Full(Full.Options(max_rounds=config.final.rounds)),
        placement=placement(seed, 1, placement_options),
        weights=Scratch(task, seed),
        objective=_maker(config, "objective")(),
        make_aggregation=_maker(config, "aggregation"),
        scoring=Scoring("test", min_nodes=config.scoring.min_nodes, central=_server_test(config, task, roster.classes)),
        journal=journal,
        label="final",
        keep=len(specs),
        excess=_excess(roster, task, config.training),
        held=roster.held,
        precision=config.federation.precision,
    )


def _choose(config: Config, axis: str) -> tuple[Any, Any]:
    """Return the class and the options of the choice on an axis."""
    choice: Choice = getattr(config, axis)
    cls: Any = load_choice(axis, choice["name"])
    return cls, options_of(choice, cls.Options, axis)


def _maker(config: Config, axis: str) -> Callable[[], Any]:
    cls, options = _choose(config, axis)
    return lambda: cls(options)


def _baseline(config: Config, task: TaskShape) -> ArchitectureSpec:
    """Return the baseline; raises `ConfigError` where it cannot be built for the task."""
    baseline = _spec(config.baseline, "baseline")
    try:
        cost_of(baseline, task)
    except SpecError as error:
        raise ConfigError(
            f"baseline must fit examples of shape {task.input_shape} ({str(error).rstrip('.')})",
            baseline.describe(),
            fix="Give a baseline for these data",
        ) from None
    return baseline


def _specs(values: Sequence[Any]) -> list[ArchitectureSpec]:
    return [_spec(value, f"search.start[{index}]") for index, value in enumerate(values)]


def _spec(value: Any, where: str) -> ArchitectureSpec:
    try:
        return ArchitectureSpec.from_dict(value)
    except SpecError as error:
        raise ConfigError(f"{where} must be an architecture spec ({str(error).rstrip('.')})", fix="Mend it") from None


def _excess(roster: Roster, task: TaskShape, training: TrainingSettings) -> Excess:
    """Return what says why a node, with the limits that it has then, cannot hold a spec."""
    needs = lru_cache(maxsize=1024)(lambda spec: needs_of(spec, task, training))
    return lambda node, spec: roster.excess(node, needs(spec))


def _excess_of_any(roster: Roster, task: TaskShape, training: TrainingSettings) -> Callable[[ArchitectureSpec], str]:
    """Return what says which of the nodes that are there now cannot hold a spec, and why."""
    limits = {name: roster.reports[name].limits for name in sorted(roster.reports)}
    least = tightest(limits.values())

    def excess(spec: ArchitectureSpec) -> str:
        needs = needs_of(spec, task, training)
        if not least.exceeded(needs):
            return ""
        return next(f"node {name!r}: {reason}" for name, one in limits.items() if (reason := one.exceeded(needs)))

    return excess


def _server_test(config: Config, task: TaskShape, classes: tuple[str, ...]) -> CentralScore | None:
    """Return a scorer on the server's test set, by person where the people are known; None where there is none."""
    test = load_server_test(config.dataset, config.seed, classes)
    if test is None:
        return None

    def score(trial: Trial, weights: Weights) -> dict[str, float]:
        # torch takes seconds to import and a search needs it nowhere else on the server
        from common.models.builder import build
        from common.models.evaluation import evaluate

        model = build(trial.spec, task, weights)
        group = np.zeros(len(test.examples), np.int64) if test.group is None else test.group
        parts = {str(person): test.examples.take(np.flatnonzero(group == person)) for person in np.unique(group)}
        return panel_metrics({name: (evaluate(model, part), len(part)) for name, part in parts.items()})

    return score
