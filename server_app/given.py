"""Specs that a configuration gives: the baseline, and those that are tried first."""

from __future__ import annotations

from typing import Any

from common.architecture.cost import cost_of
from common.architecture.spec import ArchitectureSpec
from common.config import Config
from common.errors import ConfigError, SpecError
from common.tasks import Task
from server_app.controllers.observations import Suggestion
from server_app.trials import Recipe


def check_given(config: Config) -> None:
    """Raise `ConfigError` for what can be known to be wrong before there is a task."""
    _spec(config.baseline, "baseline")
    start_of(config, Recipe())  # the default may not be known yet, and no entry is right by it alone


def baseline_of(config: Config, task: Task) -> ArchitectureSpec:
    """Return the baseline; raises `ConfigError` where it cannot be built for the task."""
    baseline = _spec(config.baseline, "baseline")
    try:
        cost_of(baseline.lower(task))
    except SpecError as error:
        raise ConfigError(
            f"baseline must fit examples of shape {task.input_shape} ({str(error).rstrip('.')})",
            baseline.describe(),
            fix="Give a baseline for these data",
        ) from None
    return baseline


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


def _suggestion(value: Any, default: Recipe, where: str) -> Suggestion:
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
