"""Specs that a configuration gives: the baseline, and those that are tried first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common.architecture.cost import cost_of
from common.architecture.spec import ArchitectureSpec
from common.config import Config
from common.errors import ConfigError, SpecError
from common.recipes import check_recipe
from common.settings import TrainingSettings
from common.tasks import Task
from server_app.trials import Identity, Trial

PORTFOLIO = "portfolio"
"""The origin of what a search tries before all else, and the baseline that is the best of these."""

_BASELINE = "final.baseline"


def check_given(config: Config) -> None:
    """Raise `ConfigError` for what can be known to be wrong before there is a task."""
    _given_baseline(config)
    start_of(config)


def baseline_of(config: Config, task: Task, ranking: Sequence[Trial]) -> Identity | None:
    """Return what the winner is compared with; None where the search is to tell, and there is nothing of the kind.

    Parameters
    ----------
    config : Config
        Its ``final.baseline`` is written as an entry of ``search.start``; or ``portfolio``.
    task : Task
        That it is for.
    ranking : sequence of Trial
        Those of the search, best first; none before it.

    Raises
    ------
    ConfigError
        A baseline that was given cannot be built for the task, or the task lacks what its recipe asks for.
    """
    given = _given_baseline(config)
    if given is None:
        best = best_of_portfolio(ranking)
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


def start_of(config: Config, default: Recipe) -> list[Suggestion]:
    """Return what is tried first.

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
    return [_suggestion(value, default, f"search.start[{i}]") for i, value in enumerate(config.search.start)]


def _given_baseline(config: Config) -> Identity | None:
    baseline = config.final.baseline
    return None if baseline == PORTFOLIO else _identity(baseline, config.training, _BASELINE)


def _identity(value: Any, training: TrainingSettings, where: str) -> Identity:
    if not isinstance(value, dict) or "spec" not in value:
        return Suggestion((_spec(value, where), default), "given")
    if unknown := sorted(set(value) - {"spec", "recipe"}):
        raise ConfigError(f"{where} has a spec and a recipe", unknown, fix=f"Remove {unknown[0]}")
    spec = _spec(value["spec"], f"{where}.spec")
    return Suggestion((spec, _recipe(value.get("recipe", {}), default, f"{where}.recipe")), "given")


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
