"""Specs that a configuration gives: the baseline, and those that are tried first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common.architecture.cost import cost_of
from common.architecture.spec import ArchitectureSpec
from common.config import Config
from common.errors import ConfigError, SpecError
from common.groups import PORTFOLIO
from common.recipes import check_recipe
from common.tasks import Task
from server_app.controllers.observations import Suggestion
from server_app.portfolio import portfolio_of
from server_app.spaces.layered import LayeredSpace
from server_app.spaces.recipes import RecipeSpace
from server_app.trials import Identity, Recipe, Trial

_BASELINE = "final.baseline"


def check_given(config: Config) -> None:
    """Raise `ConfigError` for what can be known to be wrong before there is a task."""
    unknown = Recipe()  # the default may not be known yet, and no entry is right by it alone
    _given_baseline(config, unknown)
    start_of(config, unknown)


def baseline_of(config: Config, task: Task, recipes: RecipeSpace, ranking: Sequence[Trial]) -> Identity | None:
    """Return what the winner is compared with.

    That is the one given; or the best of the portfolio, by the search's ranking; or, where the search tried none of it,
    since it began with other specs or its space holds other kinds, the first of the portfolio within the space's
    `max_parameters` and `max_macs`; or nothing, where none of those that it tried has a score, or none fits the task.

    Parameters
    ----------
    config : Config
        Its ``final.baseline`` is written as an entry of ``search.start``; or ``portfolio``.
    task : Task
        That it is for.
    recipes : RecipeSpace
        How trials are trained.
    ranking : sequence of Trial
        Those of the search, best first; none before it.

    Raises
    ------
    ConfigError
        A baseline that was given cannot be built for the task, or the task lacks what its recipe asks for.
    """
    given = _given_baseline(config, recipes.default)
    if given is None:
        best = best_of_portfolio(ranking)
        if best is None and not any(trial.origin == PORTFOLIO for trial in ranking):
            return _first_of_portfolio(config, task, recipes)
        return None if best is None else best.identity
    spec, recipe = given
    try:
        cost_of(spec.lower(task))
    except SpecError as error:
        raise ConfigError(
            f"{_BASELINE} must fit examples of shape {task.input_shape} ({str(error).rstrip('.')})",
            spec.describe(),
            fix="Give a baseline for these data",
        ) from None
    check_recipe(recipe, task)
    return given


def best_of_portfolio(ranking: Sequence[Trial]) -> Trial | None:
    """Return the best trial that came from the portfolio and has a score that counts; None where there is none."""
    return next((trial for trial in ranking if trial.origin == PORTFOLIO and trial.ranks), None)


def _first_of_portfolio(config: Config, task: Task, recipes: RecipeSpace) -> Identity | None:
    """Return the first that may cost as much as what is searched: a dearer one would be no measure of it."""
    parameters, macs = config.space.get("max_parameters"), config.space.get("max_macs")
    space = LayeredSpace(task, LayeredSpace.Options(max_parameters=parameters, max_macs=macs))
    return next(iter(portfolio_of(task, space, recipes).entries.values()), None)


def start_of(config: Config, default: Recipe) -> list[Suggestion]:
    """Return what people want to have tried first; nothing where that is the portfolio.

    An entry of ``search.start`` is a spec; or ``{spec: ..., recipe: ...}``, as history.json and result.json tell it,
    whose recipe holds the training settings in which it differs from the default.

    Parameters
    ----------
    config : Config
        What was chosen.
    default : Recipe
        Of the recipes that are searched: the first choice of each setting.

    Raises
    ------
    ConfigError
        An entry is no such thing.
    """
    start = [] if config.search.start == PORTFOLIO else config.search.start
    return [Suggestion(_identity(value, default, f"search.start[{i}]"), "given") for i, value in enumerate(start)]


def _given_baseline(config: Config, default: Recipe) -> Identity | None:
    baseline = config.final.baseline
    return None if isinstance(baseline, str) else _identity(baseline, default, _BASELINE)


def _identity(value: Any, default: Recipe, where: str) -> Identity:
    if not isinstance(value, dict) or "spec" not in value:
        return _spec(value, where), default
    if unknown := sorted(set(value) - {"spec", "recipe"}):
        raise ConfigError(f"{where} has a spec and a recipe", unknown, fix=f"Remove {unknown[0]}")
    return _spec(value["spec"], f"{where}.spec"), _recipe(value.get("recipe", {}), default, f"{where}.recipe")


def _recipe(value: Any, default: Recipe, where: str) -> Recipe:
    if not isinstance(value, dict):
        raise ConfigError(f"{where} must hold training settings", value, fix="Write {learning_rate: 0.01}")
    try:
        return Recipe.from_json({**default.to_json(), **value})
    except ConfigError as error:
        raise ConfigError(f"{where} must hold training settings ({error.rule})", fix="See conf/training/") from None


def _spec(value: Any, where: str) -> ArchitectureSpec:
    try:
        return ArchitectureSpec.from_dict(value)
    except SpecError as error:
        raise ConfigError(f"{where} must be an architecture spec ({str(error).rstrip('.')})", fix="Mend it") from None
